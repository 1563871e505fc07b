// The limit of many uploads: bare write + fsync + rename, out of memory, on threads; no socket, no hash, no catalog.
// usage: durable_write FOLDER FILES BYTES THREADS buffered|direct
// FOLDER/staging/N becomes FOLDER/stored/N. Direct pads the last block to 4 KiB and cuts the file to its length.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 1 << 20, PAGE = 4096 };
static const char *folder;
static long files, bytes;
static int direct;
static atomic_long next_file;

static void die(const char *what) {
  perror(what);
  exit(1);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void *worker(void *unused) {
  (void)unused;
  char *block, from[4096], to[4096];
  if (posix_memalign((void **)&block, PAGE, BLOCK)) die("posix_memalign");
  memset(block, 0xa5, BLOCK);
  for (long file; (file = next_file++) < files;) {
    snprintf(from, sizeof from, "%s/staging/%ld", folder, file);
    snprintf(to, sizeof to, "%s/stored/%ld", folder, file);
    int fd = open(from, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | (direct ? O_DIRECT : 0), 0600);
    if (fd < 0) die("open");
    memcpy(block, &file, sizeof file);
    for (long at = 0; at < bytes;) {
      long take = bytes - at < BLOCK ? bytes - at : BLOCK;
      if (direct) take = (take + PAGE - 1) / PAGE * PAGE;
      ssize_t written = write(fd, block, take);
      if (written <= 0) die("write");
      at += written;
    }
    if (direct && bytes % PAGE && ftruncate(fd, bytes)) die("ftruncate");
    if (fsync(fd)) die("fsync");
    close(fd);
    if (rename(from, to)) die("rename");
  }
  return NULL;
}

int main(int count, char **words) {
  if (count != 6) return fprintf(stderr, "usage: durable_write FOLDER FILES BYTES THREADS buffered|direct\n"), 64;
  folder = words[1], files = atol(words[2]), bytes = atol(words[3]), direct = !strcmp(words[5], "direct");
  int workers = atoi(words[4]);
  char path[4096];
  snprintf(path, sizeof path, "%s/staging", folder), mkdir(path, 0700);
  snprintf(path, sizeof path, "%s/stored", folder), mkdir(path, 0700);
  pthread_t threads[workers];
  double start = now();
  for (int i = 0; i < workers; i++)
    if (pthread_create(&threads[i], NULL, worker, NULL)) die("pthread_create");
  for (int i = 0; i < workers; i++) pthread_join(threads[i], NULL);
  printf("{\"seconds\": %.4f, \"done\": %ld}\n", now() - start, files);
  return 0;
}

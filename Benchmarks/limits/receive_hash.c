// The limit of one upload: receive + SHA-1 on a second thread, the bytes thrown away; with FOLDER a third thread writes
// them past the page cache, syncs and renames before the answer. One connection at a time.
// usage: receive_hash [FOLDER]    prints "ready PORT"; answers every PUT or POST with 201 and the digest.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BLOCK = 1 << 20, PAGE = 4096, RING = 8, HEAD = 16384 };
static const char *folder;  // NULL throws the bytes away
static char *ring[RING];
static long filled[RING];  // bytes; 0 ends a body
static sem_t empty, full, hashed;
static sem_t digested, stored;
static unsigned char digest[20];

static void *hash(void *unused) {
  (void)unused;
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  for (long i = 0;;) {
    EVP_DigestInit_ex(context, EVP_sha1(), NULL);
    for (;; i++) {
      sem_wait(&full);
      long length = filled[i % RING];
      if (length) EVP_DigestUpdate(context, ring[i % RING], length);
      sem_post(folder ? &hashed : &empty);
      if (!length) break;
    }
    i++;
    EVP_DigestFinal_ex(context, digest, NULL);
    sem_post(&digested);
  }
  return NULL;
}

static void die(const char *what) {
  perror(what);
  exit(1);
}

static void *store(void *unused) {
  (void)unused;
  char from[4096], to[4096];
  for (long i = 0, file = 0;; file++) {
    snprintf(from, sizeof from, "%s/.%ld.part", folder, file);
    snprintf(to, sizeof to, "%s/%ld.bin", folder, file);
    int fd = open(from, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_DIRECT, 0600);
    if (fd < 0) die("open");
    long total = 0;
    for (;; i++) {
      sem_wait(&hashed);
      long length = filled[i % RING];
      // The last block is padded, and the file cut to its length below.
      long padded = (length + PAGE - 1) / PAGE * PAGE;
      if (length && pwrite(fd, ring[i % RING], padded, total) != padded) die("write");
      total += length;
      sem_post(&empty);
      if (!length) break;
    }
    i++;
    if (ftruncate(fd, total) || fsync(fd)) die("fsync");
    close(fd);
    if (rename(from, to)) die("rename");
    sem_post(&stored);
  }
  return NULL;
}

static long slot;  // of the receiving side

static void hand_over(long length) {
  filled[slot++ % RING] = length;
  sem_post(&full);
  sem_wait(&empty);  // the next slot is ours
}

static void serve(int fd) {
  char head[HEAD];
  long have = 0;
  for (;;) {
    char *end;
    while (!(end = memmem(head, have, "\r\n\r\n", 4))) {
      ssize_t got = have < HEAD ? read(fd, head + have, HEAD - have) : 0;
      if (got <= 0) return;
      have += got;
    }
    *end = 0;
    char *field = strcasestr(head, "content-length:");
    if (!field) return;
    long rest = atol(field + 15), at = have - (end + 4 - head);
    memcpy(ring[slot % RING], end + 4, at);
    have = 0;
    while (rest) {
      long room = rest < BLOCK ? rest : BLOCK;
      while (at < room) {
        ssize_t got = read(fd, ring[slot % RING] + at, room - at);
        if (got <= 0) exit(1);
        at += got;
      }
      hand_over(at);
      rest -= at, at = 0;
    }
    hand_over(0);
    sem_wait(&digested);
    if (folder) sem_wait(&stored);
    char answer[160];
    int length = sprintf(answer, "HTTP/1.1 201 Created\r\nContent-Length: 40\r\n\r\n");
    for (int i = 0; i < 20; i++) length += sprintf(answer + length, "%02x", digest[i]);
    if (write(fd, answer, length) != length) return;
  }
}

int main(int count, char **words) {
  if (count > 2) return fprintf(stderr, "usage: receive_hash [FOLDER]\n"), 64;
  folder = words[1];
  for (int i = 0; i < RING; i++) {
    if (posix_memalign((void **)&ring[i], 4096, BLOCK)) return 1;
    memset(ring[i], 1, BLOCK);  // no page faults in the measured time
  }
  sem_init(&empty, 0, RING - 1), sem_init(&full, 0, 0), sem_init(&digested, 0, 0);
  sem_init(&hashed, 0, 0), sem_init(&stored, 0, 0);
  pthread_t thread;
  if (pthread_create(&thread, NULL, hash, NULL)) return 1;
  if (folder && pthread_create(&thread, NULL, store, NULL)) return 1;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 8)) return perror("listen"), 1;
  getsockname(listener, (struct sockaddr *)&address, &size);
  printf("ready %d\n", ntohs(address.sin_port));
  fflush(stdout);
  for (int fd; (fd = accept(listener, NULL, NULL)) >= 0; close(fd)) serve(fd);
  return 1;
}

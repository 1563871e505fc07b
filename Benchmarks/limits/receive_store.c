// The limit of many uploads with all that must happen to their bytes: receive, SHA-1, direct write, fsync, rename. One
// thread per connection, no multipart, no catalog, no accounts.
// usage: receive_store FOLDER    prints "ready PORT"; answers every PUT with 201.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BLOCK = 1 << 20, PAGE = 4096, HEAD = 16384 };
static const char *folder;
static atomic_long next_file;

static void die(const char *what) {
  perror(what);
  exit(1);
}

static void store(int connection, char *block, long have, long length) {
  char from[4096], to[4096];
  long file = next_file++;
  snprintf(from, sizeof from, "%s/.%ld.part", folder, file);
  snprintf(to, sizeof to, "%s/%ld.bin", folder, file);
  int fd = open(from, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_DIRECT, 0600);
  if (fd < 0) die("open");
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  EVP_DigestInit_ex(context, EVP_sha1(), NULL);
  for (long rest = length; rest;) {
    long wanted = rest < BLOCK ? rest : BLOCK;
    while (have < wanted) {
      ssize_t got = read(connection, block + have, wanted - have);
      if (got <= 0) die("read");
      have += got;
    }
    EVP_DigestUpdate(context, block, wanted);
    // The last block is padded, and the file cut to its length below.
    if (write(fd, block, (wanted + PAGE - 1) / PAGE * PAGE) <= 0) die("write");
    rest -= wanted, have = 0;
  }
  unsigned char digest[20];
  EVP_DigestFinal_ex(context, digest, NULL);
  EVP_MD_CTX_free(context);
  if (ftruncate(fd, length) || fsync(fd)) die("fsync");
  close(fd);
  if (rename(from, to)) die("rename");
}

static void *serve(void *number) {
  int fd = (int)(long)number;
  char head[HEAD], *block;
  if (posix_memalign((void **)&block, PAGE, BLOCK)) die("posix_memalign");
  for (long have = 0;;) {
    char *end;
    while (!(end = memmem(head, have, "\r\n\r\n", 4))) {
      ssize_t got = have < HEAD ? read(fd, head + have, HEAD - have) : 0;
      if (got <= 0) goto over;
      have += got;
    }
    *end = 0;
    char *field = strcasestr(head, "content-length:");
    if (!field) goto over;
    long early = have - (end + 4 - head);
    memcpy(block, end + 4, early);
    have = 0;
    store(fd, block, early, atol(field + 15));
    static const char answer[] = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
    if (write(fd, answer, sizeof answer - 1) < 0) goto over;
  }
over:
  free(block);
  close(fd);
  return NULL;
}

int main(int count, char **words) {
  if (count != 2) return fprintf(stderr, "usage: receive_store FOLDER\n"), 64;
  folder = words[1];
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 64)) die("listen");
  getsockname(listener, (struct sockaddr *)&address, &size);
  printf("ready %d\n", ntohs(address.sin_port));
  fflush(stdout);
  for (int fd; (fd = accept(listener, NULL, NULL)) >= 0;) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, serve, (void *)(long)fd)) die("pthread_create");
    pthread_detach(thread);
  }
  return 1;
}

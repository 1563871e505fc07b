// Posts prepared bodies to /api/assets/bulk-upload-check, one after the other on each connection.
// usage: check PORT API-KEY REQUESTS CONNECTIONS BODY-FILE…
// Prints one JSON line. What the answers say is verified by the caller, outside the measured time; here only 200 counts.
#define _GNU_SOURCE
#include "connection.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>

typedef struct {
  char *data;
  long length;
  char head[512];
} Body;

static int port, bodies;
static long requests;
static const char *key;
static Body *body;
static atomic_long next_request, done, failed, received;

static void *worker(void *unused) {
  (void)unused;
  Connection c = connection_make(port);
  for (long request; (request = next_request++) < requests;) {
    if (c.fd < 0 && connection_open(&c, 0)) exit(1);
    Body *b = &body[request % bodies];
    struct iovec parts[2] = {{b->head, strlen(b->head)}, {b->data, b->length}};
    connection_send(&c, parts, 2);
    Answer answer = connection_answer(&c, NULL, NULL);
    received += answer.length;
    if (answer.status == 200) {
      done++;
    } else if (!failed++) {
      fprintf(stderr, "check: status %d: %s\n", answer.status, answer.head);
    }
    if (!answer.keep) connection_close(&c);
  }
  connection_close(&c);
  return NULL;
}

int main(int count, char **words) {
  if (count < 6) return fprintf(stderr, "usage: check PORT API-KEY REQUESTS CONNECTIONS BODY-FILE…\n"), 64;
  port = atoi(words[1]), key = words[2], requests = atol(words[3]), bodies = count - 5;
  int connections = atoi(words[4]);
  body = calloc(bodies, sizeof *body);
  for (int i = 0; i < bodies; i++) {
    int fd = open(words[5 + i], O_RDONLY);
    struct stat facts;
    if (fd < 0 || fstat(fd, &facts)) die(words[5 + i]);
    body[i].length = facts.st_size;
    body[i].data = mmap(NULL, facts.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (body[i].data == MAP_FAILED) die("mmap");
    snprintf(
        body[i].head, sizeof body[i].head,
        "POST /api/assets/bulk-upload-check HTTP/1.1\r\nhost: 127.0.0.1:%d\r\nx-api-key: %s\r\n"
        "content-type: application/json\r\ncontent-length: %ld\r\n\r\n",
        port, key, body[i].length);
  }
  pthread_t threads[connections];
  double start = now();
  for (int i = 0; i < connections; i++)
    if (pthread_create(&threads[i], NULL, worker, NULL)) die("pthread_create");
  for (int i = 0; i < connections; i++) pthread_join(threads[i], NULL);
  printf(
      "{\"seconds\": %.4f, \"done\": %ld, \"failed\": %ld, \"received\": %ld}\n", now() - start, (long)done,
      (long)failed, (long)received);
  return 0;
}

// Opens connections, sends one GET on each, reads the answer, and holds them all open until standard input ends.
// usage: hold PORT PATH CONNECTIONS
// Comes from 127.0.0.2, 127.0.0.3 …, 2,000 connections each. Prints "held N" as soon as all are open; then, at the end,
// "open N": how many the server has not closed meanwhile.
#define _GNU_SOURCE
#include "connection.h"
#include <sys/resource.h>

int main(int count, char **words) {
  if (count != 4) return fprintf(stderr, "usage: hold PORT PATH CONNECTIONS\n"), 64;
  int port = atoi(words[1]), connections = atoi(words[3]);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  char request[256];
  int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nhost: 127.0.0.1:%d\r\n\r\n", words[2], port);
  int *held = calloc(connections, sizeof *held);
  Connection c = connection_make(port);
  for (int i = 0; i < connections; i++) {
    struct iovec part = {request, length};
    if (connection_open(&c, 2 + i / 2000) || connection_send(&c, &part, 1)) return 1;
    Answer answer = connection_answer(&c, NULL, NULL);
    if (answer.status != 200 || !answer.keep) return fprintf(stderr, "hold: connection %d: status %d\n", i, answer.status), 1;
    held[i] = c.fd;
  }
  printf("held %d\n", connections);
  fflush(stdout);
  while (read(0, c.room, ROOM) > 0) {}
  int open = 0;
  for (int i = 0; i < connections; i++) {
    ssize_t got = recv(held[i], c.room, 1, MSG_DONTWAIT | MSG_PEEK);
    open += got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }
  printf("open %d\n", open);
  return 0;
}

// One blocking keep-alive HTTP/1.1 connection to 127.0.0.1, as small as the load clients need it.
#pragma once
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 1 << 20 };

typedef struct {
  int fd;  // -1: not connected
  int port;
  char *room;  // what was received, ROOM bytes
} Connection;

typedef struct {
  int status;     // 0: the connection broke before a whole answer
  long length;    // bytes of the body
  int keep;       // the connection may be used again
  char head[96];  // start of the body, for messages
  char location[128];
} Answer;

static inline double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static inline void die(const char *what) {
  perror(what);
  exit(1);
}

static inline Connection connection_make(int port) {
  signal(SIGPIPE, SIG_IGN);
  return (Connection){.fd = -1, .port = port, .room = malloc(ROOM)};
}

// source: last byte of the 127.0.0.x address to come from, 0 for any.
static inline int connection_open(Connection *c, int source) {
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (c->fd < 0) die("socket");
  int on = 1;
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (source) {
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000000u | (unsigned)source)};
    if (bind(c->fd, (struct sockaddr *)&from, sizeof from)) die("bind");
  }
  struct sockaddr_in to = {
      .sin_family = AF_INET, .sin_port = htons((unsigned short)c->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (connect(c->fd, (struct sockaddr *)&to, sizeof to)) {
    perror("connect");
    close(c->fd);
    c->fd = -1;
    return -1;
  }
  return 0;
}

static inline void connection_close(Connection *c) {
  if (c->fd >= 0) close(c->fd);
  c->fd = -1;
}

// Sends everything or returns -1. Changes the vector.
static inline int connection_send(Connection *c, struct iovec *parts, int count) {
  while (count) {
    ssize_t sent = writev(c->fd, parts, count);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return -1;
    while (count && (size_t)sent >= parts->iov_len) sent -= parts->iov_len, parts++, count--;
    if (count) parts->iov_base = (char *)parts->iov_base + sent, parts->iov_len -= sent;
  }
  return 0;
}

// Reads one answer to its end. The body is counted, not kept: `sink` takes a look at each piece where it is not NULL.
static inline Answer connection_answer(Connection *c, void (*sink)(void *, const char *, long), void *context) {
  Answer answer = {0};
  long have = 0;
  char *end = NULL;
again:
  while (!(end = memmem(c->room, have, "\r\n\r\n", 4))) {
    if (have == ROOM) return answer;
    ssize_t got = read(c->fd, c->room + have, ROOM - have);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return answer;
    have += got;
  }
  int status = 0, minor = 1;
  if (sscanf(c->room, "HTTP/1.%d %d", &minor, &status) != 2) return answer;
  long body = end + 4 - c->room;
  if (status / 100 == 1) {  // interim: the answer follows
    memmove(c->room, c->room + body, have - body);
    have -= body;
    goto again;
  }
  long expected = -1;
  int chunked = 0;
  answer.keep = minor == 1;
  for (char *line = strstr(c->room, "\r\n") + 2; line < end; line = strstr(line, "\r\n") + 2) {
    if (!strncasecmp(line, "content-length:", 15)) expected = atol(line + 15);
    if (!strncasecmp(line, "transfer-encoding: chunked", 26)) chunked = 1;
    if (!strncasecmp(line, "connection: close", 17)) answer.keep = 0;
    if (!strncasecmp(line, "location: ", 10))
      snprintf(answer.location, sizeof answer.location, "%.*s", (int)strcspn(line + 10, "\r"), line + 10);
  }
  if (status == 204 || status == 304) expected = 0;
  long from = body, fresh = have - body, tail = 0;
  char last[5] = {0};
  for (;;) {
    if (fresh) {
      if (answer.length < (long)sizeof answer.head - 1) {
        long room = sizeof answer.head - 1 - answer.length, take = fresh < room ? fresh : room;
        memcpy(answer.head + answer.length, c->room + from, take);
      }
      if (sink) sink(context, c->room + from, fresh);
      answer.length += fresh;
      for (long i = fresh > 5 ? fresh - 5 : 0; i < fresh; i++) memmove(last, last + 1, 4), last[4] = c->room[from + i];
      tail = 1;
    }
    if (chunked ? tail && !memcmp(last, "0\r\n\r\n", 5) : expected >= 0 && answer.length >= expected) break;
    ssize_t got = read(c->fd, c->room, ROOM);
    if (got < 0 && errno == EINTR) {
      fresh = 0;
      continue;
    }
    if (got < 0) return answer;
    if (got == 0) {
      answer.keep = 0;
      if (expected >= 0 || chunked) return answer;
      break;
    }
    from = 0, fresh = got;
  }
  answer.status = status;
  return answer;
}

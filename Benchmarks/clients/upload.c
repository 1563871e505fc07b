// Sends files over keep-alive connections, one thread each, out of memory: the same work for every peer.
// usage: upload PORT put|immich FILES BYTES CONNECTIONS SUFFIX SEED [API-KEY]
// put:    PUT /SEED-N.SUFFIX with the bytes as the body.
// immich: POST /api/assets as the phone app sends it: multipart/form-data, all fields, then assetData.
// Every file starts with a stamp of its own and goes on with the same random bytes, so that no two files are equal.
// Prints one JSON line; only 2xx answers count as done.
#define _GNU_SOURCE
#include "connection.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

enum { STAMP = 64, BLOCK = 4 << 20 };
static const char *const boundary = "dart-http-boundary-bench+7d_Lq.2Vx-0";

static int port, immich;
static long files, bytes;
static const char *suffix, *seed, *key = "";
static char block[BLOCK];
static atomic_long next_file, done, failed;

static void stamp(char out[STAMP], long file) {
  static const char jpeg[] = "\xff\xd8\xff\xe0\x00\x10JFIF", movie[] = "\x00\x00\x00\x14" "ftypqt  \x00\x00\x00\x00qt  ";
  int is_movie = !strcmp(suffix, "mov"), start = is_movie ? 20 : 10;
  memset(out, 0, STAMP);
  memcpy(out, is_movie ? movie : jpeg, start);
  if (is_movie) {  // the rest is one mdat box with a 64-bit length
    uint64_t length = __builtin_bswap64((uint64_t)(bytes - 20));
    memcpy(out + 20, "\x00\x00\x00\x01mdat", 8);
    memcpy(out + 28, &length, 8);
    start = 36;
  }
  snprintf(out + start, STAMP - start, "%s %ld", seed, file);
}

static int field(char *out, const char *name, const char *value) {
  return sprintf(out, "--%s\r\ncontent-disposition: form-data; name=\"%s\"\r\n\r\n%s\r\n", boundary, name, value);
}

static int upload(Connection *c, long file, Answer *answer) {
  char head[512], form[2048], tail[64], name[64], mark[STAMP];
  snprintf(name, sizeof name, "%s-%ld.%s", seed, file, suffix);
  stamp(mark, file);
  int head_length, form_length = 0, tail_length = 0;
  if (immich) {
    form_length += field(form + form_length, "deviceAssetId", name);
    form_length += field(form + form_length, "deviceId", "benchmark");
    form_length += field(form + form_length, "fileCreatedAt", "2025-06-07T08:09:10.123Z");
    form_length += field(form + form_length, "fileModifiedAt", "2025-06-07T08:09:10.123Z");
    form_length += field(form + form_length, "isFavorite", "false");
    form_length += sprintf(
        form + form_length,
        "--%s\r\ncontent-type: application/octet-stream\r\n"
        "content-disposition: form-data; name=\"assetData\"; filename=\"%s\"\r\n\r\n", boundary, name);
    tail_length = sprintf(tail, "\r\n--%s--\r\n", boundary);
    head_length = snprintf(
        head, sizeof head,
        "POST /api/assets HTTP/1.1\r\nhost: 127.0.0.1:%d\r\nx-api-key: %s\r\n"
        "content-type: multipart/form-data; boundary=%s\r\ncontent-length: %ld\r\n\r\n",
        port, key, boundary, form_length + bytes + tail_length);
  } else {
    head_length = snprintf(
        head, sizeof head, "PUT /%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: %ld\r\n\r\n", name, port, bytes);
  }
  long mark_length = bytes < STAMP ? bytes : STAMP, rest = bytes - mark_length, skip = STAMP;
  struct iovec parts[5] = {{head, head_length}, {form, form_length}, {mark, mark_length}};
  int count = 3;
  while (rest || count) {
    long take = rest < BLOCK - skip ? rest : BLOCK - skip;
    parts[count++] = (struct iovec){block + skip, take};
    rest -= take, skip = 0;
    if (!rest) parts[count++] = (struct iovec){tail, tail_length};
    int sent = connection_send(c, parts, count);
    count = 0;
    if (sent) break;  // the answer may lie there all the same
  }
  *answer = connection_answer(c, NULL, NULL);
  return answer->status / 100 == 2 ? 0 : -1;
}

static void *worker(void *unused) {
  (void)unused;
  Connection c = connection_make(port);
  for (long file; (file = next_file++) < files;) {
    Answer answer = {0};
    if (c.fd < 0 && connection_open(&c, 0)) exit(1);
    if (upload(&c, file, &answer)) {
      if (!failed++) fprintf(stderr, "upload: file %ld: status %d: %s\n", file, answer.status, answer.head);
    } else {
      done++;
    }
    if (!answer.keep) connection_close(&c);
  }
  connection_close(&c);
  return NULL;
}

int main(int count, char **words) {
  if (count < 8) return fprintf(stderr, "usage: upload PORT put|immich FILES BYTES CONNECTIONS SUFFIX SEED [API-KEY]\n"), 64;
  port = atoi(words[1]), immich = !strcmp(words[2], "immich"), files = atol(words[3]), bytes = atol(words[4]);
  int connections = atoi(words[5]);
  suffix = words[6], seed = words[7];
  if (count > 8) key = words[8];
  uint64_t x = 0x9e3779b97f4a7c15u;  // any bytes that do not compress
  for (long i = 0; i < BLOCK; i += 8) x ^= x << 13, x ^= x >> 7, x ^= x << 17, memcpy(block + i, &x, 8);
  pthread_t threads[connections];
  double start = now();
  for (int i = 0; i < connections; i++)
    if (pthread_create(&threads[i], NULL, worker, NULL)) die("pthread_create");
  for (int i = 0; i < connections; i++) pthread_join(threads[i], NULL);
  printf("{\"seconds\": %.4f, \"done\": %ld, \"failed\": %ld}\n", now() - start, (long)done, (long)failed);
  return 0;
}

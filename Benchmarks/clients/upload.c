// Sends files over keep-alive connections, one thread each, out of memory: the same work for every peer.
// usage: upload PORT MODE FILES BYTES CONNECTIONS SUFFIX SEED [API-KEY]
// put:    PUT /SEED-N.SUFFIX with the bytes as the body.
// immich: POST /api/assets as the phone app sends it: multipart/form-data, all fields, then assetData.
// raw:    PUT /api/backup/assets with the bytes as the body.
// draft:  POST /api/backup/assets, resumable by the IETF draft (interop version 8), whole in one request.
// tus:    a creation at /api/backup/uploads and parts of 32 MiB.
// Every file starts with a stamp of its own and goes on with the same random bytes, so that no two files are equal.
// Prints one JSON line; only 2xx answers count as done.
#define _GNU_SOURCE
#include "connection.h"
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

enum { STAMP = 64, BLOCK = 4 << 20, PART = 32 << 20 };
static const char *const boundary = "dart-http-boundary-bench+7d_Lq.2Vx-0";

static const char *const modes[] = {"put", "immich", "raw", "draft", "tus", NULL};
static enum { PUT, IMMICH, RAW, DRAFT, TUS } mode;
static int port;
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

// Sends the pieces, and between them the file's bytes from `from` to `end`; reads the answer.
static Answer send_range(Connection *c, const char *mark, long from, long end, struct iovec head, struct iovec form, struct iovec tail) {
  struct iovec parts[5] = {head, form};
  int count = 2;
  if (from < STAMP && from < end) {
    long until = end < STAMP ? end : STAMP;
    parts[count++] = (struct iovec){(char *)mark + from, until - from};
    from = until;
  }
  while (from < end || count) {
    long skip = from % BLOCK, take = end - from < BLOCK - skip ? end - from : BLOCK - skip;
    parts[count++] = (struct iovec){block + skip, take};
    from += take;
    if (from == end) parts[count++] = tail;
    int sent = connection_send(c, parts, count);
    count = 0;
    if (sent) break;  // the answer may lie there all the same
  }
  return connection_answer(c, NULL, NULL);
}

static Answer upload_form(Connection *c, const char *name, const char *mark) {
  char head[512], form[2048], tail[64];
  int length = 0;
  length += field(form + length, "deviceAssetId", name);
  length += field(form + length, "deviceId", "benchmark");
  length += field(form + length, "fileCreatedAt", "2025-06-07T08:09:10.123Z");
  length += field(form + length, "fileModifiedAt", "2025-06-07T08:09:10.123Z");
  length += field(form + length, "isFavorite", "false");
  length += sprintf(
      form + length,
      "--%s\r\ncontent-type: application/octet-stream\r\n"
      "content-disposition: form-data; name=\"assetData\"; filename=\"%s\"\r\n\r\n", boundary, name);
  int tail_length = sprintf(tail, "\r\n--%s--\r\n", boundary);
  int head_length = snprintf(
      head, sizeof head,
      "POST /api/assets HTTP/1.1\r\nhost: 127.0.0.1:%d\r\nx-api-key: %s\r\n"
      "content-type: multipart/form-data; boundary=%s\r\ncontent-length: %ld\r\n\r\n",
      port, key, boundary, length + bytes + tail_length);
  return send_range(
      c, mark, 0, bytes, (struct iovec){head, head_length}, (struct iovec){form, length}, (struct iovec){tail, tail_length});
}

static Answer upload_body(Connection *c, const char *name, const char *mark) {
  char head[512];
  int length;
  if (mode == PUT) {
    length = snprintf(
        head, sizeof head, "PUT /%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: %ld\r\n\r\n", name, port, bytes);
  } else {
    length = snprintf(
        head, sizeof head,
        "%s /api/backup/assets?filename=%s&fileCreatedAt=2025-06-07T08:09:10.123Z HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
        "x-api-key: %s\r\n%sContent-Length: %ld\r\n\r\n",
        mode == DRAFT ? "POST" : "PUT", name, port, key,
        mode == DRAFT ? "Upload-Draft-Interop-Version: 8\r\nUpload-Complete: ?1\r\n" : "", bytes);
  }
  return send_range(c, mark, 0, bytes, (struct iovec){head, length}, (struct iovec){0}, (struct iovec){0});
}

static Answer upload_parts(Connection *c, const char *name, const char *mark) {
  char head[512], word[128];
  EVP_EncodeBlock((unsigned char *)word, (const unsigned char *)name, (int)strlen(name));
  int length = snprintf(
      head, sizeof head,
      "POST /api/backup/uploads HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nx-api-key: %s\r\nTus-Resumable: 1.0.0\r\n"
      "Upload-Length: %ld\r\nUpload-Metadata: filename %s\r\nContent-Length: 0\r\n\r\n", port, key, bytes, word);
  Answer answer = send_range(c, mark, 0, 0, (struct iovec){head, length}, (struct iovec){0}, (struct iovec){0});
  if (answer.status != 201) return answer;
  if (answer.location[0] != '/') return answer.status = 0, answer;
  char location[sizeof answer.location];
  memcpy(location, answer.location, sizeof location);
  for (long from = 0; from < bytes;) {
    long end = bytes - from < PART ? bytes : from + PART;
    length = snprintf(
        head, sizeof head,
        "PATCH %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nx-api-key: %s\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: %ld\r\n"
        "Content-Type: application/offset+octet-stream\r\nContent-Length: %ld\r\n\r\n", location, port, key, from, end - from);
    answer = send_range(c, mark, from, end, (struct iovec){head, length}, (struct iovec){0}, (struct iovec){0});
    from = end;
    if (answer.status == 204 && !answer.keep && from < bytes) answer.status = 0;  // cut in the middle: not done
    if (answer.status != 204) break;
  }
  return answer;
}

static int upload(Connection *c, long file, Answer *answer) {
  char name[64], mark[STAMP];
  snprintf(name, sizeof name, "%s-%ld.%s", seed, file, suffix);
  stamp(mark, file);
  *answer = mode == IMMICH ? upload_form(c, name, mark) : mode == TUS ? upload_parts(c, name, mark) : upload_body(c, name, mark);
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
  if (count < 8) return fprintf(stderr, "usage: upload PORT put|immich|raw|draft|tus FILES BYTES CONNECTIONS SUFFIX SEED [API-KEY]\n"), 64;
  port = atoi(words[1]), files = atol(words[3]), bytes = atol(words[4]);
  while (modes[mode] && strcmp(modes[mode], words[2])) mode++;
  if (!modes[mode]) return fprintf(stderr, "upload: no mode %s\n", words[2]), 64;
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

// The limit of the asset check: the SQLite lookups alone, one prepared statement, one transaction per request.
// usage: lookups CATALOG SQL OWNER DIGESTS PER-REQUEST MMAP-BYTES
// SQL: a SELECT with ?1 = OWNER (16 bytes as hex, or any other text; "int:N" binds a number), ?2 = digest (20 bytes).
// DIGESTS: a file of 20-byte digests. Runs over it once to warm up, then once measured. Prints one JSON line.
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void check(sqlite3 *catalog, int code, const char *what) {
  if (code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW) return;
  fprintf(stderr, "lookups: %s: %s\n", what, sqlite3_errmsg(catalog));
  exit(1);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

int main(int count, char **words) {
  if (count != 7) return fprintf(stderr, "usage: lookups CATALOG SQL OWNER DIGESTS PER-REQUEST MMAP-BYTES\n"), 64;
  sqlite3 *catalog;
  if (sqlite3_open_v2(words[1], &catalog, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL)) return fputs("open\n", stderr), 1;
  char pragma[128];
  snprintf(pragma, sizeof pragma, "PRAGMA mmap_size=%s", words[6]);
  check(catalog, sqlite3_exec(catalog, pragma, NULL, NULL, NULL), pragma);
  sqlite3_stmt *lookup;
  check(catalog, sqlite3_prepare_v3(catalog, words[2], -1, SQLITE_PREPARE_PERSISTENT, &lookup, NULL), words[2]);
  unsigned char owner[16];
  if (!strncmp(words[3], "int:", 4)) {
    sqlite3_bind_int64(lookup, 1, atoll(words[3] + 4));
  } else if (strlen(words[3]) == 32) {
    for (int i = 0; i < 16; i++) sscanf(words[3] + 2 * i, "%2hhx", &owner[i]);
    sqlite3_bind_blob(lookup, 1, owner, 16, SQLITE_STATIC);
  } else {
    sqlite3_bind_text(lookup, 1, words[3], -1, SQLITE_STATIC);
  }
  FILE *file = fopen(words[4], "rb");
  if (!file) return perror(words[4]), 1;
  fseek(file, 0, SEEK_END);
  long total = ftell(file) / 20, per_request = atol(words[5]), found = 0;
  rewind(file);
  unsigned char *digests = malloc(total * 20);
  if (fread(digests, 20, total, file) != (size_t)total) return perror("read"), 1;
  double start = 0;
  for (int round = 0; round < 2; round++) {
    start = now(), found = 0;
    for (long i = 0; i < total; i++) {
      if (i % per_request == 0) check(catalog, sqlite3_exec(catalog, "BEGIN", NULL, NULL, NULL), "BEGIN");
      sqlite3_bind_blob(lookup, 2, digests + 20 * i, 20, SQLITE_STATIC);
      int code = sqlite3_step(lookup);
      check(catalog, code, "step");
      found += code == SQLITE_ROW;
      sqlite3_reset(lookup);
      if (i % per_request == per_request - 1 || i == total - 1)
        check(catalog, sqlite3_exec(catalog, "COMMIT", NULL, NULL, NULL), "COMMIT");
    }
  }
  printf("{\"seconds\": %.4f, \"done\": %ld, \"found\": %ld}\n", now() - start, total, found);
  return 0;
}

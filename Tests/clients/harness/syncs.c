// What a power cut would leave: says in the file NIGHTSTAND_SYNCS which bytes and which names are on disk. For LD_PRELOAD.
// S INODE SIZE       a file was synced when it had so many bytes
// D FOLDER INODE...  a folder was synced when it held these entries
// M INODE PATH       a file is about to leave this name
// U INODE PATH       a file is about to be removed: its number may be another file's soon
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void say(const char *text, int length) {
  static int log = -1;
  if (log < 0) log = open(getenv("NIGHTSTAND_SYNCS"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (log >= 0 && write(log, text, length) != length) abort();
}

static int synced(int file, const char *name) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  struct stat before;
  int known = !fstat(file, &before), length = 0;
  char *text = NULL;
  if (known && S_ISREG(before.st_mode)) {
    length = asprintf(&text, "S %lu %ld\n", before.st_ino, before.st_size);
  } else if (known && S_ISDIR(before.st_mode)) {
    size_t size = 0;
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    FILE *out = open_memstream(&text, &size);
    fprintf(out, "D %lu", before.st_ino);
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder));)
      if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) fprintf(out, " %lu", entry->d_ino);
    if (folder) closedir(folder);
    fprintf(out, "\n");
    fclose(out);
    length = size;
  }
  int result = real(file);  // what was there before is there now; what came meanwhile may be lost
  if (!result && text) say(text, length);
  free(text);
  return result;
}

int fsync(int file) { return synced(file, "fsync"); }
int fdatasync(int file) { return synced(file, "fdatasync"); }

static void leaves(char how, int folder, const char *name) {
  struct stat status;
  char *text = NULL, place[64], base[4096] = "";
  if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW)) return;
  if (folder != AT_FDCWD && name[0] != '/') {
    snprintf(place, sizeof place, "/proc/self/fd/%d", folder);
    ssize_t length = readlink(place, base, sizeof base - 2);
    if (length > 0) strcpy(base + length, "/");
  }
  int length = asprintf(&text, "%c %lu %s%s\n", how, status.st_ino, base, name);
  say(text, length);
  free(text);
}

int rename(const char *from, const char *to) {
  leaves('M', AT_FDCWD, from);
  return ((int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename"))(from, to);
}

int renameat(int a, const char *from, int b, const char *to) {
  leaves('M', a, from);
  return ((int (*)(int, const char *, int, const char *))dlsym(RTLD_NEXT, "renameat"))(a, from, b, to);
}

int renameat2(int a, const char *from, int b, const char *to, unsigned flags) {
  leaves('M', a, from);
  return ((int (*)(int, const char *, int, const char *, unsigned))dlsym(RTLD_NEXT, "renameat2"))(a, from, b, to, flags);
}

int unlink(const char *name) {
  leaves('U', AT_FDCWD, name);
  return ((int (*)(const char *))dlsym(RTLD_NEXT, "unlink"))(name);
}

int unlinkat(int folder, const char *name, int flags) {
  if (!(flags & AT_REMOVEDIR)) leaves('U', folder, name);
  return ((int (*)(int, const char *, int))dlsym(RTLD_NEXT, "unlinkat"))(folder, name, flags);
}

// Linux calls that Swift's Glibc module map leaves out. Header only; every function is the system call of its name.
#pragma once
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <stddef.h>
#include <stdint.h>

// Prototypes that glibc hides behind _GNU_SOURCE.
int pipe2(int ends[2], int flags);
int accept4(int socket, struct sockaddr *address, socklen_t *length, int flags);
int renameat2(int olddir, const char *oldpath, int newdir, const char *newpath, unsigned int flags);
int sync_file_range(int fd, off_t offset, off_t bytes, unsigned int flags);
ssize_t copy_file_range(int in, off_t *in_offset, int out, off_t *out_offset, size_t length, unsigned int flags);
int fallocate(int fd, int mode, off_t offset, off_t length);
void *memmem(const void *haystack, size_t haystack_length, const void *needle, size_t needle_length);
int malloc_trim(size_t pad);
int pthread_setname_np(pthread_t thread, const char *name);

enum {
  NS_RENAME_NOREPLACE = 1,
  NS_SYNC_WAIT_BEFORE = 1, NS_SYNC_WRITE = 2, NS_SYNC_WAIT_AFTER = 4,
  NS_O_DIRECT = 040000,
  NS_FALLOC_KEEP_SIZE = 1,
  NS_EPOLL_CLOEXEC = 02000000,
  NS_EFD_CLOEXEC = 02000000,
  NS_SOCK_STREAM = 1, NS_SOCK_NONBLOCK = 04000, NS_SOCK_CLOEXEC = 02000000,
};

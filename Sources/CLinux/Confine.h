// Starts a program that works on a stranger's file: with limits, without network, without children, and with a view of
// the disk that ends at what it needs. What happens between fork and exec must be async-signal-safe, which Swift is not.
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "DeniedCalls.h"

struct ns_program {
  const char *path;
  char **arguments, **environment;
  // The current folder, and the only one in which it may write.
  const char *folder;
  // Files and folders that it may read beside the system's own; ends with NULL.
  char **readable;
  // Become descriptors 0, 1 and 2; no other stays open.
  int input, output, errors;
  uint64_t address_space, cpu_seconds, file_size, files;
  int niceness;
};

enum { NS_NO_NETWORK = 1, NS_NO_DISK = 2 };

// Landlock (Linux 5.13), by number: older headers do not know it. Each later version of it handles more.
struct ns_ruleset { uint64_t disk, network, scoped; };
struct ns_beneath { uint64_t allowed; int32_t parent; } __attribute__((packed));
enum {
  NS_LL_EXECUTE = 1 << 0, NS_LL_WRITE = 1 << 1, NS_LL_READ = 1 << 2, NS_LL_LIST = 1 << 3, NS_LL_REMOVE_FOLDER = 1 << 4,
  NS_LL_REMOVE_FILE = 1 << 5, NS_LL_MAKE_FOLDER = 1 << 7, NS_LL_MAKE_FILE = 1 << 8, NS_LL_REFER = 1 << 13,
  NS_LL_TRUNCATE = 1 << 14, NS_LL_DEVICE = 1 << 15,
  NS_LL_ONE_FILE = NS_LL_EXECUTE | NS_LL_WRITE | NS_LL_READ | NS_LL_TRUNCATE,
  // Plain files and folders. No links, pipes and devices: the server opens by name what is left there.
  NS_LL_OWN = NS_LL_WRITE | NS_LL_READ | NS_LL_LIST | NS_LL_REMOVE_FOLDER | NS_LL_REMOVE_FILE | NS_LL_MAKE_FOLDER
    | NS_LL_MAKE_FILE | NS_LL_REFER | NS_LL_TRUNCATE,
};

static inline struct ns_ruleset ns_handled(int version) {
  struct ns_ruleset all = { 0x1FFF, 0, 0 };
  if (version >= 2) all.disk |= NS_LL_REFER;
  if (version >= 3) all.disk |= NS_LL_TRUNCATE;
  if (version >= 4) all.network = 3;  // TCP: bind, connect
  if (version >= 5) all.disk |= NS_LL_DEVICE;
  if (version >= 6) all.scoped = 3;  // abstract sockets, signals
  return all;
}

struct ns_disk { int ruleset; uint64_t handled; };

static inline int ns_allow(struct ns_disk disk, int file, uint64_t allowed) {
  struct ns_beneath rule = { allowed & disk.handled, file };
  return (int)syscall(445, disk.ruleset, 1, &rule, 0);
}

static inline void ns_allow_path(struct ns_disk disk, const char *path, uint64_t allowed) {
  int file = open(path, 010000000 /* O_PATH */ | O_CLOEXEC);
  if (file < 0) return;
  // A plain file takes no rights of folders.
  if (ns_allow(disk, file, allowed) != 0) ns_allow(disk, file, allowed & NS_LL_ONE_FILE);
  close(file);
}

static inline int ns_narrow_disk(const struct ns_program *program, int input) {
  struct ns_ruleset attributes = ns_handled((int)syscall(444, NULL, 0, 1 /* which version */));
  size_t size = attributes.scoped ? 24 : attributes.network ? 16 : 8;
  struct ns_disk disk = { (int)syscall(444, &attributes, size, 0), attributes.disk };
  if (disk.ruleset < 0) return -1;
  // Of /etc and /proc only what programs look up: the one has keys and passwords, the other the server's environment.
  static const char *const system[] = {
    "/usr", "/lib", "/lib64", "/bin", "/opt", "/nix", "/sys/devices/system",
    "/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime", "/etc/perl", "/etc/fonts",
    "/etc/passwd", "/etc/nsswitch.conf", "/etc/locale.alias", "/etc/ImageMagick-6", "/etc/ImageMagick-7", "/etc/OpenCL",
    "/proc/self", "/proc/sys", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/version", "/proc/filesystems", NULL,
  };
  for (int i = 0; system[i]; i++) ns_allow_path(disk, system[i], NS_LL_EXECUTE | NS_LL_READ | NS_LL_LIST);
  static const char *const devices[] = { "/dev/null", "/dev/zero", "/dev/urandom", "/dev/random", NULL };
  for (int i = 0; devices[i]; i++) ns_allow_path(disk, devices[i], NS_LL_READ | NS_LL_WRITE);
  for (int i = 0; program->readable[i]; i++) ns_allow_path(disk, program->readable[i], NS_LL_READ | NS_LL_LIST);
  ns_allow_path(disk, program->path, NS_LL_EXECUTE | NS_LL_READ);
  ns_allow_path(disk, program->folder, NS_LL_OWN);
  // Opened again under /proc/self/fd/0. Fails, without harm, for a pipe.
  ns_allow(disk, input, NS_LL_READ);
  int result = (int)syscall(446, disk.ruleset, 0);
  close(disk.ruleset);
  return result;
}

// Where the server is root: keeps nothing of its powers but to read files of another owner, which Landlock bounds. With
// "no new privileges" the program does not get them back. Others have none.
static inline void ns_drop_powers(void) {
  struct { uint32_t version; int32_t process; } head = { 0x20080522, 0 };
  struct { uint32_t effective, permitted, inheritable; } sets[2];
  if (syscall(SYS_capget, &head, sets) != 0) return;
  const uint32_t kept = 1u << 2 /* CAP_DAC_READ_SEARCH */;
  sets[0].effective = sets[0].permitted = sets[0].permitted & kept;
  sets[1].effective = sets[1].permitted = sets[0].inheritable = sets[1].inheritable = 0;
  syscall(SYS_capset, &head, sets);
}

static inline void ns_limit(int what, uint64_t most) {
  struct rlimit limit = { most, most };
  setrlimit(what, &limit);
}

// The child: answers {confinement, 0} through `report`, then becomes the program; {confinement, errno} where it cannot.
static inline void ns_become(const struct ns_program *program, int report, pid_t server) {
  int32_t answer[2] = { 0, 0 };
  // Whatever ends the server, kill -9 too, ends this. The kernel watches the thread that forked, not the process: see
  // ProgramNursery. The server may have gone before the call.
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) goto failed;
  if (getppid() != server) _exit(127);
  setpgid(0, 0);
  report = fcntl(report, F_DUPFD_CLOEXEC, 16);
  int input = fcntl(program->input, F_DUPFD_CLOEXEC, 16);
  int output = fcntl(program->output, F_DUPFD_CLOEXEC, 16), errors = fcntl(program->errors, F_DUPFD_CLOEXEC, 16);
  if (dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(errors, 2) < 0 || chdir(program->folder) != 0) goto failed;
  if (dup3(report, 3, O_CLOEXEC) == 3) report = 3;
  // 436 close_range. Now, not at exec: the server has more descriptors open than the limit below leaves room for, and what
  // narrows the disk opens some. Older kernels, which have no Landlock: everything here is opened with O_CLOEXEC anyhow.
  syscall(436, 4, ~0U, 0);
  signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  // Whatever takes the machine's memory, this goes first.
  int score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (score >= 0) { if (write(score, "1000", 4)) {} close(score); }
  setpriority(PRIO_PROCESS, 0, program->niceness);
  ns_limit(RLIMIT_CORE, 0);
  ns_limit(RLIMIT_AS, program->address_space);
  ns_limit(RLIMIT_CPU, program->cpu_seconds);
  ns_limit(RLIMIT_FSIZE, program->file_size);
  ns_limit(RLIMIT_NOFILE, program->files);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) {
    ns_drop_powers();
    if (ns_narrow_disk(program, 0) == 0) answer[0] |= NS_NO_DISK;
    if (ns_deny_calls() == 0) answer[0] |= NS_NO_NETWORK;
  }
  if (write(report, answer, sizeof answer)) {}
  execve(program->path, program->arguments, program->environment);
failed:
  answer[1] = errno;
  if (write(report, answer, sizeof answer)) {}
  _exit(127);
}

// From a thread that lives as long as the server. The process, which leads a group of its own, or -1 and errno.
static inline pid_t ns_start(const struct ns_program *program, int report) {
  pid_t server = getpid(), child = fork();
  if (child == 0) ns_become(program, report, server);
  if (child > 0) setpgid(child, child);
  return child;
}

// Starts a program that works on a stranger's file: with limits, without network, without children, and with a view of
// the disk that ends at what it needs. What happens between fork and exec must be async-signal-safe, which Swift is not.
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

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

#if defined(__x86_64__)
#define NS_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NS_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

// No sockets, no other processes, nothing that reaches into one. Threads are fine: memory bounds them.
static inline int ns_deny_calls(void) {
#ifdef NS_ARCHITECTURE
#define NS_DENY(call, code)                                   \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1),      \
  BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (code))
  struct sock_filter code[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NS_ARCHITECTURE, 1, 0),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#ifdef __x86_64__
    // The x32 calls: the same ones under other numbers.
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
    NS_DENY(fork, EPERM),
    NS_DENY(vfork, EPERM),
#endif
    NS_DENY(socket, EPERM),
    NS_DENY(ptrace, EPERM),
    NS_DENY(process_vm_readv, EPERM),
    NS_DENY(process_vm_writev, EPERM),
    NS_DENY(kill, EPERM),
    // io_uring makes sockets without the call. 425; 434 pidfd_open.
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 425, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 434, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
    // clone3 hides its flags in memory: the library falls back to clone.
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 435, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x00010000 /* CLONE_THREAD */, 1, 0),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
#undef NS_DENY
  struct sock_fprog program = { sizeof code / sizeof code[0], code };
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
#else
  errno = ENOSYS;
  return -1;
#endif
}

// Landlock (Linux 5.13), by number: older headers do not know it.
struct ns_ruleset { uint64_t handled; };
struct ns_beneath { uint64_t allowed; int32_t parent; } __attribute__((packed));
enum { NS_LL_EXECUTE = 1, NS_LL_WRITE = 2, NS_LL_READ = 4, NS_LL_LIST = 8, NS_LL_ALL = 0x1FFF };

static inline int ns_allow(int ruleset, int file, uint64_t allowed) {
  struct ns_beneath rule = { allowed, file };
  return (int)syscall(445, ruleset, 1, &rule, 0);
}

static inline void ns_allow_path(int ruleset, const char *path, uint64_t allowed) {
  int file = open(path, 010000000 /* O_PATH */ | O_CLOEXEC);
  if (file < 0) return;
  // A plain file takes no rights of folders.
  if (ns_allow(ruleset, file, allowed) != 0) ns_allow(ruleset, file, allowed & (NS_LL_EXECUTE | NS_LL_WRITE | NS_LL_READ));
  close(file);
}

static inline int ns_narrow_disk(const struct ns_program *program, int input) {
  struct ns_ruleset attributes = { NS_LL_ALL };
  int ruleset = (int)syscall(444, &attributes, sizeof attributes, 0);
  if (ruleset < 0) return -1;
  static const char *const system[] = { "/usr", "/lib", "/lib64", "/bin", "/etc", "/opt", "/nix", "/proc", "/sys/devices/system", NULL };
  for (int i = 0; system[i]; i++) ns_allow_path(ruleset, system[i], NS_LL_EXECUTE | NS_LL_READ | NS_LL_LIST);
  static const char *const devices[] = { "/dev/null", "/dev/zero", "/dev/urandom", "/dev/random", NULL };
  for (int i = 0; devices[i]; i++) ns_allow_path(ruleset, devices[i], NS_LL_READ | NS_LL_WRITE);
  for (int i = 0; program->readable[i]; i++) ns_allow_path(ruleset, program->readable[i], NS_LL_READ | NS_LL_LIST);
  ns_allow_path(ruleset, program->path, NS_LL_EXECUTE | NS_LL_READ);
  ns_allow_path(ruleset, program->folder, NS_LL_ALL & ~NS_LL_EXECUTE);
  // Opened again under /proc/self/fd/0. Fails, without harm, for a pipe.
  ns_allow(ruleset, input, NS_LL_READ);
  int result = (int)syscall(446, ruleset, 0);
  close(ruleset);
  return result;
}

static inline void ns_limit(int what, uint64_t most) {
  struct rlimit limit = { most, most };
  setrlimit(what, &limit);
}

// The child: answers {confinement, 0} through `report`, then becomes the program; {confinement, errno} where it cannot.
static inline void ns_become(const struct ns_program *program, int report) {
  int32_t answer[2] = { 0, 0 };
  setpgid(0, 0);
  report = fcntl(report, F_DUPFD_CLOEXEC, 16);
  int input = fcntl(program->input, F_DUPFD_CLOEXEC, 16);
  int output = fcntl(program->output, F_DUPFD_CLOEXEC, 16), errors = fcntl(program->errors, F_DUPFD_CLOEXEC, 16);
  if (dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(errors, 2) < 0 || chdir(program->folder) != 0) goto failed;
  // 436 close_range, 4 CLOSE_RANGE_CLOEXEC. Older kernels: everything here is opened with O_CLOEXEC anyhow.
  syscall(436, 3, ~0U, 4);
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

// The process, which leads a group of its own, or -1 and errno.
static inline pid_t ns_start(const struct ns_program *program, int report) {
  pid_t child = fork();
  if (child == 0) ns_become(program, report);
  if (child > 0) setpgid(child, child);
  return child;
}

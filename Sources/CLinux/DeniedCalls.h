// The system calls that a program on a stranger's file does without: no sockets, no other processes, nothing that reaches
// into one or signals it, and nothing that changes a file without having opened it for writing (Landlock does not look at
// modes, owners, attributes and times). Built between fork and exec: nothing here allocates.
#pragma once
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define NS_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NS_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

struct ns_filter { struct sock_filter code[512]; unsigned short count; };

static inline void ns_emit(struct ns_filter *filter, unsigned short code, unsigned char yes, unsigned char no, unsigned value) {
  struct sock_filter line = { code, yes, no, value };
  filter->code[filter->count++] = line;
}

static inline void ns_answer(struct ns_filter *filter, unsigned error) {
  ns_emit(filter, BPF_RET | BPF_K, 0, 0, error == 0 ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | error);
}

static inline void ns_load(struct ns_filter *filter, unsigned offset) {
  ns_emit(filter, BPF_LD | BPF_W | BPF_ABS, 0, 0, offset);
}

// Where the loaded word is `value`: this answer.
static inline void ns_answer_if(struct ns_filter *filter, unsigned value, unsigned error) {
  ns_emit(filter, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, value);
  ns_answer(filter, error);
}

// Refused. Numbers that stand alone are the same on every architecture; older headers do not know the names.
static const unsigned ns_denied[] = {
  // Other processes: signals, memory, limits, order. What may be done to itself stands in `ns_only_itself`.
  SYS_kill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp,
  SYS_setpriority, SYS_sched_setaffinity, SYS_sched_setscheduler, SYS_sched_setparam, SYS_sched_setattr, SYS_ioprio_set,
  SYS_migrate_pages, SYS_move_pages, SYS_perf_event_open,
  424 /* pidfd_send_signal */, 434 /* pidfd_open */, 438 /* pidfd_getfd */, 440 /* process_madvise */, 448 /* process_mrelease */,
  // Memory that processes of one user share.
  SYS_shmget, SYS_shmat, SYS_shmctl, SYS_msgget, SYS_msgsnd, SYS_msgrcv, SYS_msgctl, SYS_semget, SYS_semop, SYS_semctl,
  SYS_semtimedop, SYS_mq_open, SYS_mq_unlink,
  SYS_socket, SYS_socketpair,
  // Files: whoever may read one could empty it, hide it, or give another one its name.
  SYS_truncate, SYS_fchmod, SYS_fchmodat, SYS_fchown, SYS_fchownat, SYS_utimensat, SYS_linkat, SYS_symlinkat, SYS_mknodat,
  SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr, SYS_removexattr, SYS_lremovexattr, SYS_fremovexattr,
  SYS_name_to_handle_at, SYS_open_by_handle_at, SYS_quotactl, SYS_fanotify_init,
#ifdef __x86_64__
  SYS_fork, SYS_vfork, SYS_chmod, SYS_chown, SYS_lchown, SYS_utime, SYS_utimes, SYS_futimesat, SYS_link, SYS_symlink, SYS_mknod,
  SYS_iopl, SYS_ioperm, SYS_modify_ldt,
#endif
  // Of no use to it, and each a wide door into the kernel.
  SYS_unshare, SYS_setns, SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_bpf, SYS_userfaultfd, SYS_add_key,
  SYS_request_key, SYS_keyctl, SYS_acct, SYS_swapon, SYS_swapoff, SYS_reboot, SYS_init_module, SYS_finit_module,
  SYS_delete_module, SYS_kexec_load, SYS_syslog, SYS_settimeofday, SYS_clock_settime, SYS_clock_adjtime, SYS_adjtimex,
  SYS_sethostname, SYS_setdomainname, SYS_personality,
  428 /* open_tree */, 429 /* move_mount */, 430 /* fsopen */, 431 /* fsconfig */, 432 /* fsmount */, 433 /* fspick */,
  442 /* mount_setattr */,
};

// "Not there", so that the library takes an older way. io_uring makes sockets without the call; clone3 hides its flags.
static const unsigned ns_absent[] = { 425, 426, 427 /* io_uring */, 435 /* clone3 */ };
// The first argument must be the process itself, or 0.
static const unsigned ns_only_itself[] = { SYS_tgkill, SYS_tkill, SYS_prlimit64 };
// Is it a terminal, how much is there, and flags of its own descriptor. The others change files that are only read.
static const unsigned ns_ioctls[] = { 0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451 };
// F_SETLEASE, F_NOTIFY; F_SETOWN, F_SETSIG, F_SETOWN_EX send signals to whomever.
static const unsigned ns_fcntls[] = { 1024, 1026, 8, 10, 15 };
// Calls behind this one (futex_waitv) are unknown here: as on a kernel that does not have them.
enum { NS_NEWEST_CALL = 449 };

#define NS_EACH(list, value) \
  for (unsigned i = 0, value; i < sizeof list / sizeof list[0] && ((value = list[i]), 1); i++)

// For the process that calls it, and for good.
static inline int ns_deny_calls(void) {
#ifdef NS_ARCHITECTURE
  struct ns_filter filter;
  filter.count = 0;
  ns_load(&filter, offsetof(struct seccomp_data, arch));
  ns_emit(&filter, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, NS_ARCHITECTURE);
  ns_emit(&filter, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS);
  ns_load(&filter, offsetof(struct seccomp_data, nr));
  // x32's calls, the same ones under other numbers, lie behind it too.
  ns_emit(&filter, BPF_JMP | BPF_JGT | BPF_K, 0, 1, NS_NEWEST_CALL);
  ns_answer(&filter, ENOSYS);
  NS_EACH(ns_denied, call) ns_answer_if(&filter, call, EPERM);
  NS_EACH(ns_absent, call) ns_answer_if(&filter, call, ENOSYS);
  NS_EACH(ns_only_itself, call) {
    ns_emit(&filter, BPF_JMP | BPF_JEQ | BPF_K, 0, 6, call);
    ns_load(&filter, offsetof(struct seccomp_data, args[0]));
    ns_answer_if(&filter, 0, 0);
    ns_answer_if(&filter, (unsigned)getpid(), 0);
    ns_answer(&filter, EPERM);
  }
  const unsigned char ioctls = sizeof ns_ioctls / sizeof ns_ioctls[0], fcntls = sizeof ns_fcntls / sizeof ns_fcntls[0];
  ns_emit(&filter, BPF_JMP | BPF_JEQ | BPF_K, 0, 2 + 2 * ioctls, SYS_ioctl);
  ns_load(&filter, offsetof(struct seccomp_data, args[1]));
  NS_EACH(ns_ioctls, request) ns_answer_if(&filter, request, 0);
  ns_answer(&filter, ENOTTY);
  ns_emit(&filter, BPF_JMP | BPF_JEQ | BPF_K, 0, 2 + 2 * fcntls, SYS_fcntl);
  ns_load(&filter, offsetof(struct seccomp_data, args[1]));
  NS_EACH(ns_fcntls, command) ns_answer_if(&filter, command, EPERM);
  ns_answer(&filter, 0);
  // Threads are fine: memory bounds them.
  ns_emit(&filter, BPF_JMP | BPF_JEQ | BPF_K, 0, 3, SYS_clone);
  ns_load(&filter, offsetof(struct seccomp_data, args[0]));
  ns_emit(&filter, BPF_JMP | BPF_JSET | BPF_K, 1, 0, 0x00010000 /* CLONE_THREAD */);
  ns_answer(&filter, EPERM);
  ns_answer(&filter, 0);
  struct sock_fprog program = { filter.count, filter.code };
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
#else
  errno = ENOSYS;
  return -1;
#endif
}
#undef NS_EACH

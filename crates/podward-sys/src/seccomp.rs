//! The `RuntimeDefault` seccomp profile: what containerd allows a container, by its capabilities.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use crate::{Doing, SysError, parse_capability};

macro_rules! numbers {
    ($($name:ident)*) => { &[$(libc::$name),*] };
}

/// Calls that every container may make, whatever their arguments.
const ALLOWED: &[i64] = numbers! {
    SYS_accept SYS_accept4 SYS_adjtimex SYS_bind SYS_brk SYS_capget SYS_capset SYS_chdir
    SYS_clock_adjtime SYS_clock_getres SYS_clock_gettime SYS_clock_nanosleep SYS_close SYS_close_range SYS_connect
    SYS_copy_file_range SYS_dup SYS_dup3 SYS_epoll_create1 SYS_epoll_ctl SYS_epoll_pwait SYS_epoll_pwait2
    SYS_eventfd2 SYS_execve SYS_execveat SYS_exit SYS_exit_group SYS_faccessat SYS_faccessat2 SYS_fadvise64
    SYS_fallocate SYS_fanotify_mark SYS_fchdir SYS_fchmod SYS_fchmodat SYS_fchmodat2 SYS_fchown SYS_fchownat SYS_fcntl
    SYS_fdatasync SYS_fgetxattr SYS_flistxattr SYS_flock SYS_fremovexattr SYS_fsetxattr SYS_fstat SYS_fstatfs SYS_fsync
    SYS_ftruncate SYS_futex SYS_futex_waitv SYS_getcpu SYS_getcwd SYS_getdents64 SYS_getegid SYS_geteuid SYS_getgid
    SYS_getgroups SYS_getitimer SYS_getpeername SYS_getpgid SYS_getpid SYS_getppid SYS_getpriority SYS_getrandom
    SYS_getresgid SYS_getresuid SYS_get_robust_list SYS_getrusage SYS_getsid SYS_getsockname SYS_getsockopt SYS_gettid
    SYS_gettimeofday SYS_getuid SYS_getxattr SYS_inotify_add_watch SYS_inotify_init1 SYS_inotify_rm_watch SYS_io_cancel
    SYS_ioctl SYS_io_destroy SYS_io_getevents SYS_ioprio_get SYS_ioprio_set SYS_io_setup SYS_io_submit
    SYS_kill SYS_landlock_add_rule SYS_landlock_create_ruleset SYS_landlock_restrict_self SYS_lgetxattr SYS_linkat
    SYS_listen SYS_listxattr SYS_llistxattr SYS_lremovexattr SYS_lseek SYS_lsetxattr SYS_madvise SYS_membarrier
    SYS_memfd_create SYS_memfd_secret SYS_mincore SYS_mkdirat SYS_mknodat SYS_mlock SYS_mlock2 SYS_mlockall SYS_mmap
    SYS_mprotect SYS_mq_getsetattr SYS_mq_notify SYS_mq_open SYS_mq_timedreceive SYS_mq_timedsend SYS_mq_unlink
    SYS_mremap SYS_msgctl SYS_msgget SYS_msgrcv SYS_msgsnd SYS_msync SYS_munlock SYS_munlockall SYS_munmap
    SYS_name_to_handle_at SYS_nanosleep SYS_newfstatat SYS_openat SYS_openat2 SYS_pidfd_getfd SYS_pidfd_open
    SYS_pidfd_send_signal SYS_pipe2 SYS_pkey_alloc SYS_pkey_free SYS_pkey_mprotect SYS_ppoll SYS_prctl SYS_pread64
    SYS_preadv SYS_preadv2 SYS_prlimit64 SYS_process_mrelease SYS_process_vm_readv SYS_process_vm_writev SYS_pselect6
    SYS_ptrace SYS_pwrite64 SYS_pwritev SYS_pwritev2 SYS_read SYS_readahead SYS_readlinkat SYS_readv SYS_recvfrom
    SYS_recvmmsg SYS_recvmsg SYS_remap_file_pages SYS_removexattr SYS_renameat SYS_renameat2 SYS_restart_syscall
    SYS_rseq SYS_rt_sigaction SYS_rt_sigpending SYS_rt_sigprocmask SYS_rt_sigqueueinfo SYS_rt_sigreturn
    SYS_rt_sigsuspend SYS_rt_sigtimedwait SYS_rt_tgsigqueueinfo SYS_sched_getaffinity SYS_sched_getattr
    SYS_sched_getparam SYS_sched_get_priority_max SYS_sched_get_priority_min SYS_sched_getscheduler
    SYS_sched_rr_get_interval SYS_sched_setaffinity SYS_sched_setattr SYS_sched_setparam SYS_sched_setscheduler
    SYS_sched_yield SYS_seccomp SYS_semctl SYS_semget SYS_semop SYS_semtimedop SYS_sendfile SYS_sendmmsg SYS_sendmsg
    SYS_sendto SYS_setfsgid SYS_setfsuid SYS_setgid SYS_setgroups SYS_setitimer SYS_setpgid SYS_setpriority SYS_setregid
    SYS_setresgid SYS_setresuid SYS_setreuid SYS_setrlimit SYS_set_robust_list SYS_setsid SYS_setsockopt
    SYS_set_tid_address SYS_setuid SYS_setxattr SYS_shmat SYS_shmctl SYS_shmdt SYS_shmget SYS_shutdown SYS_sigaltstack
    SYS_signalfd4 SYS_socketpair SYS_splice SYS_statfs SYS_statx SYS_symlinkat SYS_sync SYS_sync_file_range SYS_syncfs
    SYS_sysinfo SYS_tee SYS_tgkill SYS_timer_create SYS_timer_delete SYS_timerfd_create SYS_timerfd_gettime
    SYS_timerfd_settime SYS_timer_getoverrun SYS_timer_gettime SYS_timer_settime SYS_times SYS_tkill SYS_truncate
    SYS_umask SYS_uname SYS_unlinkat SYS_utimensat SYS_vmsplice SYS_wait4 SYS_waitid SYS_write SYS_writev
    SYS_getrlimit
};

/// The older calls that only x86-64 has.
#[cfg(target_arch = "x86_64")]
const ALLOWED_HERE: &[i64] = numbers! {
    SYS_access SYS_alarm SYS_arch_prctl SYS_chmod SYS_chown SYS_creat SYS_dup2 SYS_epoll_create SYS_epoll_ctl_old
    SYS_epoll_wait SYS_epoll_wait_old SYS_eventfd SYS_fork SYS_futimesat SYS_getdents SYS_getpgrp SYS_inotify_init
    SYS_lchown SYS_link SYS_lstat SYS_mkdir SYS_mknod SYS_modify_ldt SYS_open SYS_pause SYS_pipe SYS_poll SYS_readlink
    SYS_rename SYS_rmdir SYS_select SYS_signalfd SYS_stat SYS_symlink SYS_time SYS_unlink SYS_utime SYS_utimes SYS_vfork
};
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_HERE: &[i64] = &[];

/// Calls that the libc crate has no name for: cachestat, and io_pgetevents of x86-64.
#[cfg(target_arch = "x86_64")]
const UNNAMED: &[i64] = &[451, 333];
#[cfg(not(target_arch = "x86_64"))]
const UNNAMED: &[i64] = &[451];

/// Calls that come with a capability of the bounding set.
const BY_CAPABILITY: &[(&str, &[i64])] = &[
    ("DAC_READ_SEARCH", numbers! { SYS_open_by_handle_at }),
    (
        "SYS_ADMIN",
        numbers! {
            SYS_bpf SYS_clone SYS_clone3 SYS_fanotify_init SYS_fsconfig SYS_fsmount SYS_fsopen SYS_fspick SYS_lookup_dcookie
            SYS_mount SYS_mount_setattr SYS_move_mount SYS_open_tree SYS_perf_event_open SYS_quotactl SYS_setdomainname
            SYS_sethostname SYS_setns SYS_syslog SYS_umount2 SYS_unshare
        },
    ),
    ("SYS_BOOT", numbers! { SYS_reboot }),
    ("SYS_CHROOT", numbers! { SYS_chroot }),
    (
        "SYS_MODULE",
        numbers! { SYS_delete_module SYS_init_module SYS_finit_module },
    ),
    ("SYS_PACCT", numbers! { SYS_acct }),
    ("SYS_PTRACE", numbers! { SYS_kcmp SYS_process_madvise }),
    ("SYS_TIME", numbers! { SYS_settimeofday SYS_clock_settime }),
    ("SYS_TTY_CONFIG", numbers! { SYS_vhangup }),
    (
        "SYS_NICE",
        numbers! { SYS_get_mempolicy SYS_mbind SYS_set_mempolicy },
    ),
    ("SYSLOG", numbers! { SYS_syslog }),
    ("BPF", numbers! { SYS_bpf }),
    ("PERFMON", numbers! { SYS_perf_event_open }),
];

/// `CLONE_NEW*` flags, which make namespaces.
const NEW_NAMESPACES: u64 = 0x7e02_0000;
/// `personality` values a container may set: the two Linux ones, each with or without fixed addresses, and a query.
const PERSONALITIES: [u64; 5] = [0, 0x0008, 0x2_0000, 0x2_0008, 0xffff_ffff];

fn condition(
    argument: u8,
    operator: SeccompCmpOp,
    value: u64,
) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(
        argument,
        SeccompCmpArgLen::Dword,
        operator,
        value,
    )?])
}

fn programs(bounding: u64) -> Result<[BpfProgram; 2], seccompiler::BackendError> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = ALLOWED
        .iter()
        .chain(ALLOWED_HERE)
        .chain(UNNAMED)
        .map(|number| (*number, Vec::new()))
        .collect();
    rules.insert(libc::SYS_socket, vec![condition(0, SeccompCmpOp::Ne, 40)?]);
    rules.insert(
        libc::SYS_clone,
        vec![condition(0, SeccompCmpOp::MaskedEq(NEW_NAMESPACES), 0)?],
    );
    rules.insert(
        libc::SYS_personality,
        PERSONALITIES
            .iter()
            .map(|value| condition(0, SeccompCmpOp::Eq, *value))
            .collect::<Result<_, _>>()?,
    );
    for (name, calls) in BY_CAPABILITY {
        if parse_capability(name).is_some_and(|bit| bounding & bit != 0) {
            rules.extend(calls.iter().map(|number| (*number, Vec::new())));
        }
    }
    // clone3 hides its flags in memory, where no filter can look: ENOSYS makes the C library use clone
    let clone3_allowed = rules.contains_key(&libc::SYS_clone3);
    rules.insert(libc::SYS_clone3, Vec::new());
    let refuse = |errno: i32| SeccompAction::Errno(errno.unsigned_abs());
    let main = SeccompFilter::new(rules, refuse(libc::EPERM), SeccompAction::Allow, arch)?;
    let hidden = if clone3_allowed {
        BTreeMap::new()
    } else {
        BTreeMap::from([(libc::SYS_clone3, Vec::new())])
    };
    let clone3 = SeccompFilter::new(hidden, SeccompAction::Allow, refuse(libc::ENOSYS), arch)?;
    Ok([BpfProgram::try_from(clone3)?, BpfProgram::try_from(main)?])
}

/// Installs the profile in this thread, for it and all it starts. Needs no_new_privs, or CAP_SYS_ADMIN still in
/// force: a container that may gain privileges must not have no_new_privs set on the way.
pub(crate) fn install(bounding: u64) -> Result<(), SysError> {
    let programs = programs(bounding)
        .map_err(std::io::Error::other)
        .doing(|| "build the seccomp profile".into())?;
    for program in &programs {
        let filter = libc::sock_fprog {
            len: u16::try_from(program.len())
                .map_err(std::io::Error::other)
                .doing(|| "build the seccomp profile".into())?,
            filter: program.as_ptr().cast::<libc::sock_filter>().cast_mut(),
        };
        // SAFETY: seccompiler's instructions have the layout of sock_filter; program and filter live over the call.
        let result = unsafe {
            libc::syscall(
                libc::SYS_seccomp,
                libc::SECCOMP_SET_MODE_FILTER,
                0,
                &raw const filter,
            )
        };
        if result != 0 {
            return Err(std::io::Error::last_os_error())
                .doing(|| "install the seccomp profile".into());
        }
    }
    Ok(())
}

//! What makes a shell warm: loaded into it before its `main`, this forks a copy for each job.
//!
//! A shared object without any library, which `build.rs` compiles and flow carries in itself. It is
//! preloaded into a shell that the supervisor starts. The dynamic linker calls `start` when all
//! libraries are ready and before the shell has run an instruction of its own. From then on this
//! process waits for requests on descriptor 3, and forks for each. The copy puts the words, the
//! environment, the folder and the descriptors of the job in the place of its own and returns to the
//! linker, which goes on to the shell's `main`: to the shell it is a start like any other. The copy
//! is a child of the supervisor, not of this process.
//!
//! Requests and replies are single messages; `src/exec/supervisor/warm.rs` is the other end. Where
//! something is not as it must be, this process ends, and shells are started in the usual way.
//!
//! Nothing here may allocate, or touch what belongs to the C library; but for locales, which that
//! library itself is asked to read.
#![no_std]

use core::arch::asm;
use core::ptr::{addr_of, addr_of_mut, null, null_mut};

mod sys {
    pub const READ: usize = 0;
    pub const CLOSE: usize = 3;
    pub const OPEN: usize = 2;
    pub const BRK: usize = 12;
    pub const DUP2: usize = 33;
    pub const SENDTO: usize = 44;
    pub const RECVMSG: usize = 47;
    pub const CLONE: usize = 56;
    pub const EXIT_GROUP: usize = 231;
    pub const CHDIR: usize = 80;
    pub const SETSID: usize = 112;
    pub const PRCTL: usize = 157;
    pub const GETTID: usize = 186;
    pub const SET_ROBUST_LIST: usize = 273;
    pub const GET_ROBUST_LIST: usize = 274;
}

const CONTROL: usize = 3;
const EINTR: isize = -4;
const EINVAL: isize = -22;

const SIGCHLD: usize = 17;
const CLONE_PARENT: usize = 0x8000;
const CLONE_CHILD_CLEARTID: usize = 0x20_0000;
const CLONE_CHILD_SETTID: usize = 0x100_0000;

const MSG_NOSIGNAL: usize = 0x4000;
const MSG_CMSG_CLOEXEC: usize = 0x4000_0000;
/// The message or its descriptors did not fit.
const MSG_TRUNC_OR_CTRUNC: i32 = 0x20 | 0x8;

const PR_SET_MM: usize = 35;
const PR_SET_MM_MAP: usize = 14;
const PR_GET_TID_ADDRESS: usize = 40;

/// All categories of a locale.
const LC_ALL_MASK: i32 = 0x1fbf;

// Kinds of replies.
const HELLO: i32 = 0;
const FORKED: i32 = 1;
const READY: i32 = 2;

/// What a request begins with: its number, how many words, how many entries of the environment.
const HEAD: usize = 3 * 4;

/// Room for one request: head, folder, words, environment.
const ROOM: usize = 128 << 10;

#[repr(C)]
struct Vector {
    base: *mut u8,
    len: usize,
}

#[repr(C)]
struct Message {
    name: *mut u8,
    name_len: u32,
    vectors: *mut Vector,
    n_vectors: usize,
    control: *mut Control,
    control_len: usize,
    flags: i32,
}

#[repr(C)]
struct Control {
    len: usize,
    level: i32,
    kind: i32,
    fds: [i32; 4],
}

/// What the kernel shows of a process in `/proc`: `struct prctl_mm_map`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Map {
    start_code: u64,
    end_code: u64,
    start_data: u64,
    end_data: u64,
    start_brk: u64,
    brk: u64,
    start_stack: u64,
    arg_start: u64,
    arg_end: u64,
    env_start: u64,
    env_end: u64,
    auxv: *mut u64,
    auxv_size: u32,
    exe_fd: u32,
}

/// The fields of `/proc/self/stat` that are looked at have numbers below this.
const N_FIELDS: usize = 52;

/// On pages of its own: the kernel shows only memory that belongs to no file.
#[repr(align(4096))]
#[expect(dead_code, reason = "only its address is used")]
struct Room([u8; ROOM]);

static mut REQUEST: Room = Room([0; ROOM]);
static mut FIELDS: [u64; N_FIELDS] = [0; N_FIELDS];

type Start = extern "C" fn(usize, *mut *mut u8, *mut *mut u8);

#[used]
#[unsafe(link_section = ".init_array")]
static START: Start = start;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    exit(70)
}

/// # Safety
/// As the system call with this number has it.
unsafe fn call(number: usize, args: [usize; 5]) -> isize {
    let result;
    // SAFETY: the kernel changes rax, rcx and r11, and what the arguments point to.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number as isize => result,
            in("rdi") args[0],
            in("rsi") args[1],
            in("rdx") args[2],
            in("r10") args[3],
            in("r8") args[4],
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    result
}

/// The number of the request that was received last.
fn number() -> u32 {
    // SAFETY: the room is aligned, and only this thread touches it.
    unsafe { *addr_of!(REQUEST).cast::<u32>() }
}

fn exit(status: usize) -> ! {
    loop {
        // SAFETY: no preconditions.
        unsafe { call(sys::EXIT_GROUP, [status, 0, 0, 0, 0]) };
    }
}

/// The address of a function of the process; zero where there is none.
macro_rules! address {
    ($name:literal) => {{
        let address: usize;
        // SAFETY: reads a slot that the linker has filled.
        unsafe {
            asm!(
                concat!(".weak ", $name),
                concat!("mov {}, qword ptr [rip + ", $name, "@GOTPCREL]"),
                out(reg) address,
            );
        }
        address
    }};
}

/// Only the GNU library calls initialisers with the arguments of `main`.
fn is_gnu() -> bool {
    address!("gnu_get_libc_version") != 0
}

/// Reads the locale that the environment asks for, where the shell will: bash does, dash does not.
/// The library keeps what it has read, and finds it when a copy sets its locale.
fn read_locale() {
    type NewLocale = extern "C" fn(i32, *const u8, usize) -> usize;
    type UseLocale = extern "C" fn(usize) -> usize;
    type Btowc = extern "C" fn(i32) -> u32;
    let sets_it = address!("set_default_locale") != 0;
    let new_locale = address!("newlocale");
    let use_locale = address!("uselocale");
    let btowc = address!("btowc");
    if !sets_it || [new_locale, use_locale, btowc].contains(&0) {
        return;
    }
    // SAFETY: functions of the C library, by their types.
    let (new_locale, use_locale, btowc) = unsafe {
        (
            core::mem::transmute::<usize, NewLocale>(new_locale),
            core::mem::transmute::<usize, UseLocale>(use_locale),
            core::mem::transmute::<usize, Btowc>(btowc),
        )
    };
    let locale = new_locale(LC_ALL_MASK, c"".as_ptr().cast(), 0);
    if locale != 0 {
        let before = use_locale(locale);
        btowc(i32::from(b'a'));
        use_locale(before);
    }
}

extern "C" fn start(argc: usize, argv: *mut *mut u8, env: *mut *mut u8) {
    if !is_gnu() {
        return;
    }
    // SAFETY: the arguments are those of `main`: arrays that end with null.
    unsafe {
        let mut n_env = 0;
        while !(*env.add(n_env)).is_null() {
            n_env += 1;
        }
        let mut tid: *mut i32 = null_mut();
        call(
            sys::PRCTL,
            [PR_GET_TID_ADDRESS, addr_of_mut!(tid) as usize, 0, 0, 0],
        );
        if tid.is_null() || *tid as isize != call(sys::GETTID, [0; 5]) {
            exit(71);
        }
        read_locale();
        let (mut robust, mut robust_len) = (0, 0);
        let (head, len) = (
            addr_of_mut!(robust) as usize,
            addr_of_mut!(robust_len) as usize,
        );
        if call(sys::GET_ROBUST_LIST, [0, head, len, 0, 0]) < 0 {
            exit(72);
        }
        let Some(mut map) = map() else { exit(73) };
        if show(&map) < 0 {
            exit(74);
        }
        reply(HELLO, 0, [argc as i32, n_env as i32]);
        loop {
            let Some((size, fds)) = receive() else {
                exit(0)
            };
            let flags = CLONE_PARENT | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD;
            let pid = call(sys::CLONE, [flags, 0, 0, tid as usize, 0]);
            if pid != 0 {
                reply(FORKED, number(), [pid as i32, 0]);
                for fd in fds {
                    call(sys::CLOSE, [fd as usize, 0, 0, 0, 0]);
                }
                continue;
            }
            call(sys::SET_ROBUST_LIST, [robust, robust_len, 0, 0, 0]);
            let job = Job {
                argc,
                argv,
                env,
                n_env,
                size,
            };
            if let Err(error) = job.take_place(&mut map, fds) {
                reply(READY, number(), [*tid, -error as i32]);
                exit(127);
            }
            reply(READY, number(), [*tid, 0]);
            call(sys::CLOSE, [CONTROL, 0, 0, 0, 0]);
            return;
        }
    }
}

/// What a copy has to become.
struct Job {
    argc: usize,
    argv: *mut *mut u8,
    env: *mut *mut u8,
    /// How many entries there is room for.
    n_env: usize,
    /// Of the request, in bytes.
    size: usize,
}

impl Job {
    /// # Safety
    /// Only in the copy, whose memory nobody else has.
    unsafe fn take_place(&self, map: &mut Map, fds: [i32; 3]) -> Result<(), isize> {
        let check = |result: isize| if result < 0 { Err(result) } else { Ok(()) };
        // SAFETY: pointers are to live memory; what is read of the request is within its size,
        // which ends with a NUL.
        unsafe {
            check(call(sys::SETSID, [0; 5]))?;
            for (to, from) in fds.into_iter().enumerate() {
                check(call(sys::DUP2, [from as usize, to, 0, 0, 0]))?;
            }
            for fd in fds {
                call(sys::CLOSE, [fd as usize, 0, 0, 0, 0]);
            }
            let request = addr_of_mut!(REQUEST).cast::<u8>();
            let words = request.cast::<u32>();
            let (n_words, n_own) = (*words.add(1) as usize, *words.add(2) as usize);
            if n_words != self.argc || n_own > self.n_env {
                return Err(EINVAL);
            }
            let end = request.add(self.size);
            let dir = request.add(HEAD);
            let mut at = behind(dir, end);
            if *dir != 0 {
                check(call(sys::CHDIR, [dir as usize, 0, 0, 0, 0]))?;
            }
            map.arg_start = at as u64;
            for slot in 0..n_words {
                *self.argv.add(slot) = at;
                at = behind(at, end);
            }
            map.arg_end = at as u64;
            map.env_start = at as u64;
            for slot in 0..n_own {
                *self.env.add(slot) = at;
                at = behind(at, end);
            }
            map.env_end = at as u64;
            *self.env.add(n_own) = null_mut();
            check(show(map))
        }
    }
}

/// Behind the NUL that ends the string at `at`; at most `end`.
unsafe fn behind(mut at: *mut u8, end: *mut u8) -> *mut u8 {
    // SAFETY: `at` stays before `end`, which is the end of what was received.
    unsafe {
        while at < end && *at != 0 {
            at = at.add(1);
        }
        if at < end { at.add(1) } else { at }
    }
}

/// Has `/proc` show this process as `map` says.
unsafe fn show(map: &Map) -> isize {
    let map: *const Map = map;
    // SAFETY: the pointer is to a live value of the size that is told.
    unsafe {
        call(
            sys::PRCTL,
            [PR_SET_MM, PR_SET_MM_MAP, map as usize, size_of::<Map>(), 0],
        )
    }
}

/// Replies to the request of this number.
fn reply(kind: i32, number: u32, values: [i32; 2]) {
    let reply = [kind, number as i32, values[0], values[1]];
    let args = [
        CONTROL,
        addr_of!(reply) as usize,
        size_of_val(&reply),
        MSG_NOSIGNAL,
        0,
    ];
    // SAFETY: the pointer is to a live local. `sendto` without an address takes no sixth argument
    // into account.
    unsafe { call(sys::SENDTO, args) };
}

/// The next request: its size, and the descriptors for standard input, output and error.
fn receive() -> Option<(usize, [i32; 3])> {
    let base = addr_of_mut!(REQUEST).cast::<u8>();
    let mut vector = Vector { base, len: ROOM };
    let mut control = Control {
        len: 0,
        level: 0,
        kind: 0,
        fds: [-1; 4],
    };
    let mut message = Message {
        name: null_mut(),
        name_len: 0,
        vectors: &mut vector,
        n_vectors: 1,
        control: &mut control,
        control_len: size_of::<Control>(),
        flags: 0,
    };
    let size = loop {
        let args = [
            CONTROL,
            addr_of_mut!(message) as usize,
            MSG_CMSG_CLOEXEC,
            0,
            0,
        ];
        // SAFETY: all pointers are to live memory of the sizes that are told.
        match unsafe { call(sys::RECVMSG, args) } {
            size if size == EINTR => {}
            size => break size,
        }
    };
    let is_whole = message.flags & MSG_TRUNC_OR_CTRUNC == 0 && control.len == 16 + 3 * 4;
    // SAFETY: the last byte is within what was received.
    let is_ended = size > HEAD as isize && unsafe { *base.add(size as usize - 1) == 0 };
    let [input, output, error, _] = control.fds;
    (is_whole && is_ended).then_some((size as usize, [input, output, error]))
}

/// This process as `/proc/self/stat` shows it.
unsafe fn map() -> Option<Map> {
    let path = c"/proc/self/stat".as_ptr() as usize;
    let text = addr_of_mut!(REQUEST).cast::<u8>();
    // SAFETY: pointers are to live memory of the sizes that are told; no request is there yet.
    let (len, brk) = unsafe {
        let file = call(sys::OPEN, [path, 0, 0, 0, 0]);
        let len = call(sys::READ, [file as usize, text as usize, ROOM, 0, 0]);
        call(sys::CLOSE, [file as usize, 0, 0, 0, 0]);
        (usize::try_from(len).ok()?, call(sys::BRK, [0; 5]) as u64)
    };
    // SAFETY: all positions are below `len`.
    let byte = |at: usize| unsafe { *text.add(at) };
    // The second field is a name in parentheses; the blank behind it begins the third.
    let mut at = len;
    while at > 0 && byte(at - 1) != b')' {
        at -= 1;
    }
    let fields = addr_of_mut!(FIELDS).cast::<u64>();
    let mut field = 2;
    while at < len && field < N_FIELDS {
        match byte(at) {
            b' ' => field += 1,
            // SAFETY: `field` is below their number.
            digit @ b'0'..=b'9' if field < N_FIELDS => unsafe {
                let number = &mut *fields.add(field);
                *number = number
                    .wrapping_mul(10)
                    .wrapping_add(u64::from(digit - b'0'));
            },
            _ => {}
        }
        at += 1;
    }
    // SAFETY: as above.
    let field = |number: usize| unsafe { *fields.add(number) };
    Some(Map {
        start_code: field(26),
        end_code: field(27),
        start_data: field(45),
        end_data: field(46),
        start_brk: field(47),
        brk,
        start_stack: field(28),
        arg_start: field(48),
        arg_end: field(49),
        env_start: field(50),
        env_end: field(51),
        auxv: null::<u64>().cast_mut(),
        auxv_size: 0,
        exe_fd: u32::MAX,
    })
}

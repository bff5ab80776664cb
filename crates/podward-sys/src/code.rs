//! The pages of the program and its libraries that stand in this process' memory.

use std::ffi::{c_int, c_void};

/// Leaves the code and constants that were used until now to the kernel's cache of files. A daemon that has started
/// needs little of them again, and maps that anew, 64 KiB in less than a microsecond; until something wants the rest,
/// nothing counts it as the daemon's memory.
pub fn forget_used_code() {
    // SAFETY: `forget` has the type that is wanted, takes no data, and returns 0 so that all objects are shown
    unsafe { libc::dl_iterate_phdr(Some(forget), std::ptr::null_mut()) };
}

/// Does that for an object that is loaded.
unsafe extern "C" fn forget(
    object: *mut libc::dl_phdr_info,
    _size: usize,
    _data: *mut c_void,
) -> c_int {
    // SAFETY: dl_iterate_phdr shows a valid object that stays while this runs
    let object = unsafe { &*object };
    if object.dlpi_phdr.is_null() {
        return 0;
    }
    // SAFETY: that many program headers stand there, and nobody writes to them
    let headers =
        unsafe { std::slice::from_raw_parts(object.dlpi_phdr, usize::from(object.dlpi_phnum)) };
    let page = rustix::param::page_size() as u64;
    for segment in headers.iter().filter(|one| one.p_type == libc::PT_LOAD) {
        if segment.p_flags & libc::PF_W != 0 {
            continue;
        }
        let from = (object.dlpi_addr + segment.p_vaddr) / page * page;
        let end = object.dlpi_addr + segment.p_vaddr + segment.p_memsz;
        let (Ok(from), Ok(length)) = (usize::try_from(from), usize::try_from(end - from)) else {
            continue;
        };
        let from = std::ptr::without_provenance_mut::<c_void>(from);
        // SAFETY: the segment is mapped from its file and was never writable, so that what is read there next is what
        // was there before
        let _ = unsafe { libc::madvise(from, length, libc::MADV_DONTNEED) };
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resident() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let mut lines = status.lines();
        let line = lines.find_map(|line| line.strip_prefix("RssFile:"));
        let number = line.unwrap().split_whitespace().next().unwrap();
        number.parse().unwrap()
    }

    #[test]
    fn the_program_runs_on_and_takes_less() {
        // much of it is used by these
        let sorted = |seed: u64| {
            let mut all: Vec<u64> = (0..1000).map(|n| n * seed % 997).collect();
            all.sort_unstable();
            format!("{all:?}").len()
        };
        let before = (sorted(7919), resident());
        forget_used_code();
        let after = resident();
        assert!(after < before.1, "{after} KiB of {}", before.1);
        assert_eq!(sorted(7919), before.0);
    }
}

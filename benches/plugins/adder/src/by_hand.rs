//! Functions over `libloading` alone. They trust their caller, as such code does.

use crate::PluginData;

/// Text that is borrowed for a call, or owned by whoever `free` goes to.
#[repr(C)]
struct Text {
    start: *mut u8,
    length: usize,
    capacity: usize,
}

/// The message by hand.
#[repr(C)]
struct RawData {
    name: Text,
    age: i64,
    tel: Text,
}

/// Bytes that this library has made.
#[repr(C)]
struct Buffer {
    start: *mut u8,
    length: usize,
    capacity: usize,
}

#[unsafe(no_mangle)]
extern "C" fn raw_add(a: i64, b: i64) -> i64 {
    a.wrapping_add(b)
}

/// # Safety
/// The text is UTF-8, and readable.
unsafe fn read(text: &Text) -> String {
    // SAFETY: the caller's promise.
    let bytes = unsafe { std::slice::from_raw_parts(text.start, text.length) };
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => String::new(),
    }
}

fn give(text: String) -> Text {
    let mut text = std::mem::ManuallyDrop::new(text);
    Text { start: text.as_mut_ptr(), length: text.len(), capacity: text.capacity() }
}

/// # Safety
/// `data` is borrowed for the call; `result` is a place, whose content goes back to
/// `raw_free`.
#[unsafe(no_mangle)]
unsafe extern "C" fn raw_older(data: *const RawData, result: *mut RawData) {
    // SAFETY: the caller's promise.
    let data = unsafe {
        let data = &*data;
        PluginData { name: read(&data.name), age: data.age, tel: read(&data.tel) }
    };
    let PluginData { name, age, tel } = data.older();
    // SAFETY: the caller's promise.
    unsafe { result.write(RawData { name: give(name), age, tel: give(tel) }) };
}

/// # Safety
/// `data` came from `raw_older`, and goes back once.
#[unsafe(no_mangle)]
unsafe extern "C" fn raw_free(data: *mut RawData) {
    // SAFETY: made by `give`.
    unsafe {
        for text in [&(*data).name, &(*data).tel] {
            drop(String::from_raw_parts(text.start, text.length, text.capacity));
        }
    }
}

/// # Safety
/// `start` is readable for `length` bytes; what `result` gets goes back to
/// `buffer_free`.
unsafe fn with_bytes(
    start: *const u8,
    length: usize,
    result: *mut Buffer,
    older: impl FnOnce(&[u8]) -> Vec<u8>,
) {
    // SAFETY: the caller's promise.
    let bytes = unsafe { std::slice::from_raw_parts(start, length) };
    let mut answer = std::mem::ManuallyDrop::new(older(bytes));
    let buffer =
        Buffer { start: answer.as_mut_ptr(), length: answer.len(), capacity: answer.capacity() };
    // SAFETY: the caller's promise.
    unsafe { result.write(buffer) };
}

/// # Safety
/// As `with_bytes`.
#[unsafe(no_mangle)]
unsafe extern "C" fn postcard_older(start: *const u8, length: usize, result: *mut Buffer) {
    // SAFETY: the caller's promise.
    unsafe {
        with_bytes(start, length, result, |bytes| {
            let data: Option<PluginData> = postcard::from_bytes(bytes).ok();
            data.and_then(|data| postcard::to_allocvec(&data.older()).ok()).unwrap_or_default()
        });
    }
}

/// # Safety
/// As `with_bytes`.
#[unsafe(no_mangle)]
unsafe extern "C" fn json_older(start: *const u8, length: usize, result: *mut Buffer) {
    // SAFETY: the caller's promise.
    unsafe {
        with_bytes(start, length, result, |bytes| {
            let data: Option<PluginData> = serde_json::from_slice(bytes).ok();
            data.and_then(|data| serde_json::to_vec(&data.older()).ok()).unwrap_or_default()
        });
    }
}

/// # Safety
/// `buffer` came from one of the functions above, and goes back once.
#[unsafe(no_mangle)]
unsafe extern "C" fn buffer_free(buffer: *mut Buffer) {
    // SAFETY: made by `with_bytes`.
    unsafe {
        let Buffer { start, length, capacity } = &*buffer;
        drop(Vec::from_raw_parts(*start, *length, *capacity));
    }
}

//! What people write over `libloading` alone: functions by pointer, structs by hand or
//! as bytes.

use std::mem::MaybeUninit;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use libloading::Library;

use crate::plugin_data::PluginData;

#[repr(C)]
struct Text {
    start: *const u8,
    length: usize,
    capacity: usize,
}

#[repr(C)]
struct RawData {
    name: Text,
    age: i64,
    tel: Text,
}

#[repr(C)]
struct Buffer {
    start: *const u8,
    length: usize,
    capacity: usize,
}

type Add = unsafe extern "C" fn(i64, i64) -> i64;
type Older = unsafe extern "C" fn(*const RawData, *mut RawData);
type OlderBytes = unsafe extern "C" fn(*const u8, usize, *mut Buffer);

/// The library, with its functions looked up.
pub(crate) struct ByHand {
    add: Add,
    older: Older,
    free: unsafe extern "C" fn(*mut RawData),
    postcard: OlderBytes,
    json: OlderBytes,
    free_buffer: unsafe extern "C" fn(*mut Buffer),
    /// Last, so that it outlives the functions.
    _library: Library,
}

impl ByHand {
    pub(crate) fn load(path: &Path) -> Self {
        // SAFETY: our own library, whose functions have these types.
        unsafe {
            let library = Library::new(path).unwrap();
            ByHand {
                add: *library.get(b"raw_add").unwrap(),
                older: *library.get(b"raw_older").unwrap(),
                free: *library.get(b"raw_free").unwrap(),
                postcard: *library.get(b"postcard_older").unwrap(),
                json: *library.get(b"json_older").unwrap(),
                free_buffer: *library.get(b"buffer_free").unwrap(),
                _library: library,
            }
        }
    }

    /// What reloads by hand: the file copied, the copy loaded and removed.
    pub(crate) fn load_copy(path: &Path) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let copy = path.with_file_name(format!("copy-{}", COUNT.fetch_add(1, Ordering::Relaxed)));
        std::fs::copy(path, &copy).unwrap();
        let loaded = Self::load(&copy);
        std::fs::remove_file(&copy).unwrap();
        loaded
    }

    /// The function itself.
    pub(crate) fn add(&self) -> impl Fn(i64, i64) -> i64 {
        let add = self.add;
        // SAFETY: of this type, and mapped as long as `self` is.
        move |a, b| unsafe { add(a, b) }
    }

    /// Where the function is, for who calls it by other means.
    #[cfg(feature = "luajit")]
    pub(crate) fn add_address(&self) -> usize {
        self.add as usize
    }

    pub(crate) fn older(&self, data: &PluginData) -> PluginData {
        let borrow = |text: &str| Text { start: text.as_ptr(), length: text.len(), capacity: 0 };
        let data = RawData { name: borrow(&data.name), age: data.age, tel: borrow(&data.tel) };
        let mut result = MaybeUninit::<RawData>::uninit();
        // SAFETY: of this type; the result is written, copied, and given back once.
        unsafe {
            (self.older)(&raw const data, result.as_mut_ptr());
            let result = result.assume_init_mut();
            let copy = |text: &Text| {
                let bytes = std::slice::from_raw_parts(text.start, text.length);
                std::str::from_utf8(bytes).unwrap().to_owned()
            };
            let data =
                PluginData { name: copy(&result.name), age: result.age, tel: copy(&result.tel) };
            (self.free)(result);
            data
        }
    }

    pub(crate) fn postcard_older(&self, data: &PluginData) -> PluginData {
        let bytes = postcard::to_allocvec(data).unwrap();
        self.with_bytes(self.postcard, &bytes, |bytes| postcard::from_bytes(bytes).unwrap())
    }

    pub(crate) fn json_older(&self, data: &PluginData) -> PluginData {
        let bytes = serde_json::to_vec(data).unwrap();
        self.with_bytes(self.json, &bytes, |bytes| serde_json::from_slice(bytes).unwrap())
    }

    fn with_bytes(
        &self,
        older: OlderBytes,
        bytes: &[u8],
        read: impl FnOnce(&[u8]) -> PluginData,
    ) -> PluginData {
        let mut result = MaybeUninit::<Buffer>::uninit();
        // SAFETY: of this type; the result is written, read, and given back once.
        unsafe {
            older(bytes.as_ptr(), bytes.len(), result.as_mut_ptr());
            let result = result.assume_init_mut();
            let data = read(std::slice::from_raw_parts(result.start, result.length));
            (self.free_buffer)(result);
            data
        }
    }
}

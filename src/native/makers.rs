//! Which image a reference was made in, told by where its code is: plugins call functions and
//! objects of the host without saying who they are.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::image::{Image, file_of};

/// The images that somebody holds, by the name that the system knows them by. Of the whole
/// process: an address is as well.
static MAKERS: Mutex<BTreeMap<Vec<u8>, Weak<Image>>> = Mutex::new(BTreeMap::new());

pub(super) fn add(file: &[u8], image: &Arc<Image>) {
    MAKERS.lock().insert(file.to_owned(), Arc::downgrade(image));
}

pub(super) fn remove(file: &[u8]) {
    MAKERS.lock().remove(file);
}

/// The image that an address of code belongs to, if it is a plugin's that somebody holds.
pub(super) fn of(address: usize) -> Option<Arc<Image>> {
    let file = file_of(address)?;
    MAKERS.lock().get(&file)?.upgrade()
}

//! Lists of numbers, written in one go.

use mlua::ffi;
use twinplug_value::ConvertError;

use super::{Place, StackSink};
use crate::lua::border::MOST_AHEAD;

impl StackSink<'_> {
    /// A list of numbers, each of which the function pushes.
    pub(super) fn numbers<N: Copy>(
        &mut self,
        items: &[N],
        push: impl Fn(&Self, N) -> Result<(), ConvertError>,
    ) -> Result<(), ConvertError> {
        self.begin(items.len(), 0, Place::Item(1))?;
        let (there, more) = items.split_at(items.len().min(MOST_AHEAD));
        for (index, &item) in there.iter().enumerate() {
            push(self, item).map_err(|error| error.at_index(index))?;
            // SAFETY: as `new` says; the table below the number was made with room for so many
            // items, so that this takes no memory.
            unsafe { ffi::lua_rawseti(self.state, -2, (index + 1) as _) };
        }
        self.place = Place::Item(there.len() as i64 + 1);
        for (index, &item) in more.iter().enumerate() {
            let put = push(self, item).and_then(|()| self.put());
            put.map_err(|error| error.at_index(there.len() + index))?;
        }
        self.end()
    }
}

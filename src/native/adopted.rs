//! Functions, objects and buffers that a native plugin has made, as all others have them: each
//! in one of the host's, so that no plugin calls into another's image, and that a call is refused
//! once the plugin was unloaded.

use std::ffi::{CStr, CString};
use std::pin::{Pin, pin};
use std::sync::Arc;

use twinplug_abi as abi;
use twinplug_value::raw::{
    Arena, Callee, Foreign, Methods, Note, RawArgs, RawSink, RawValues, Returned,
};
use twinplug_value::{
    AnyBuffer, CallError, ConvertError, Function, Object, Reference, Value, from_view, to_sink,
};

use super::context::{Context, unloaded};
use super::image::Image;
use super::symbol::failed;
use crate::error::{Error, Result};
use crate::plugin::NativeFrame;

/// What a plugin has made, and the image that its code is in. In the order in which they go.
struct Adopted<T> {
    theirs: T,
    image: Arc<Image>,
}

impl<T> Adopted<T> {
    fn context(&self) -> &Context {
        self.image.context()
    }

    /// Calls it, with arguments that anybody may have written.
    fn call(
        &self,
        args: RawValues<'_>,
        result: &mut RawSink<'_>,
        call: impl FnOnce(&T, RawArgs<'_>, Pin<&mut Returned>) -> abi::Status,
        frame: &NativeFrame<'_>,
    ) -> Result<()> {
        let _running = self.context().begin_call()?;
        let memory = Arena::new();
        let mut sink = RawSink::new(&memory);
        sink.set_reader(self.context());
        let args = match args.plain() {
            Some(args) => args,
            None => {
                rewrite(args, &mut sink)?;
                RawArgs::written(&sink)
            }
        };
        let mut returned = pin!(Returned::new());
        Note::erase();
        match call(&self.theirs, args, returned.as_mut()) {
            abi::OK => {
                let value: Value = from_view(returned.view().written_by(self.context()))
                    .map_err(|error| error.of("result"))?;
                Ok(to_sink(&value, result)?)
            }
            status => {
                let kind = Error::from(CallError::of_status(status, "")).kind();
                let error = failed(status, &returned, self.context(), frame);
                Err(error.with_kind(kind))
            }
        }
    }

    /// An error of it, or of what it has of that name.
    fn error(&self, error: Error, name: Option<&str>) -> CallError {
        let error = match name {
            Some(name) => error.at_symbol(name),
            None => error,
        };
        error.in_plugin(&self.context().plugin).into()
    }
}

/// Writes values for another reader.
fn rewrite(values: RawValues<'_>, sink: &mut RawSink<'_, Arena>) -> Result<(), ConvertError> {
    values.each().zip(1..).try_for_each(|(view, number)| {
        let value: Result<Value, _> = from_view(view);
        let written = value.and_then(|value| to_sink(&value, sink));
        written.map_err(|error| error.of(format!("argument {number}")))
    })
}

impl Callee for Adopted<Function> {
    fn call(&self, args: RawValues<'_>, result: &mut RawSink<'_>) -> Result<(), CallError> {
        let frame = NativeFrame::value(&self.context().plugin);
        let called = self.call(args, result, Function::call_raw, &frame);
        called.map_err(|error| self.error(error, None))
    }

    fn stands_for(&self) -> Option<&Function> {
        Some(&self.theirs)
    }
}

impl Methods for Adopted<Object> {
    fn call(
        &self,
        method: &str,
        args: RawValues<'_>,
        result: &mut RawSink<'_>,
    ) -> Result<(), CallError> {
        let name = format!("{}.{method}", self.theirs.class());
        let frame = NativeFrame::method(&self.context().plugin, &name);
        let call = |theirs: &Object, args: RawArgs<'_>, returned: Pin<&mut Returned>| {
            theirs.call_raw(method, args, returned)
        };
        let called = self.call(args, result, call, &frame);
        called.map_err(|error| self.error(error, Some(&name)))
    }

    fn stands_for(&self) -> Option<&Object> {
        Some(&self.theirs)
    }
}

/// What a plugin has made, as the host has it.
pub(super) fn adopted(theirs: Reference, image: Arc<Image>) -> Reference {
    match theirs {
        Reference::Func(theirs) => Reference::Func(Function::of(Adopted { theirs, image })),
        Reference::Object(theirs) => {
            let [class, methods] = [theirs.class(), theirs.methods()].map(terminated);
            let methods_of = Adopted { theirs, image };
            Reference::Object(Object::with_methods(class.into(), methods.into(), methods_of))
        }
        Reference::Buffer(theirs) => Reference::Buffer(AnyBuffer::over(theirs, image)),
    }
}

/// Text that was terminated where it is.
fn terminated(text: &str) -> CString {
    CString::new(text).unwrap_or_else(|_| CStr::to_owned(c""))
}

impl Foreign for Context {
    fn adopt(&self, theirs: Reference) -> Result<Reference, ConvertError> {
        if theirs.is_of_this_image() {
            return Ok(theirs);
        }
        match self.image() {
            Some(image) => Ok(adopted(theirs, image)),
            None => Err(ConvertError::new(unloaded().to_string())),
        }
    }

    fn own(&self, ours: &Reference) -> Option<Reference> {
        let is_own = |image: &Arc<Image>| std::ptr::eq(self, &raw const **image.context());
        match ours {
            Reference::Func(function) => {
                let adopted = function.callee::<Adopted<Function>>()?;
                is_own(&adopted.image).then(|| Reference::Func(adopted.theirs.clone()))
            }
            Reference::Object(object) => {
                let adopted = object.downcast::<Adopted<Object>>()?;
                is_own(&adopted.image).then(|| Reference::Object(adopted.theirs.clone()))
            }
            Reference::Buffer(buffer) => {
                let (theirs, image) = buffer.theirs::<Arc<Image>>()?;
                is_own(image).then(|| Reference::Buffer(theirs.clone()))
            }
        }
    }
}

//! Buffers between the host and scripts.

use twinplug::{AnyBuffer, Buffer, Element, Host, Value};

use super::{fails, load};

#[test]
fn a_buffer_is_shared_with_a_script() {
    let (host, plugin) = load(
        "local M = {}
        function M.Sum(b) local sum = 0 for i = 1, #b do sum = sum + b[i] end return sum end
        function M.Fill(b, value) for i = 1, #b do b[i] = value end end
        function M.Make(n, element) local made = host.buffer(n, element) return made end
        function M.List() return host.buffer({ 1.5, 2.5, -3 }) end
        function M.Get(b, i) return b[i] end
        function M.Set(b, i, v) b[i] = v end
        function M.Text(b) return tostring(b), type(b) end
        return M",
    );
    let check = |name: &str, buffer: AnyBuffer, expected: f64| {
        let sum = plugin.func::<(AnyBuffer,), f64>(name).unwrap();
        assert_eq!(sum.call((buffer,)).unwrap(), expected);
    };
    check("Sum", Buffer::from(vec![1.5_f64, 2.0]).into_any(), 3.5);
    check("Sum", Buffer::from(vec![1.5_f32, 2.0]).into_any(), 3.5);
    check("Sum", Buffer::from(vec![-1_i64, 1 << 40]).into_any(), ((1_i64 << 40) - 1) as f64);
    check("Sum", Buffer::from(vec![-1_i32, i32::MAX]).into_any(), f64::from(i32::MAX - 1));
    check("Sum", Buffer::from(vec![200_u8, 255]).into_any(), 455.0);
    check("Sum", Buffer::<f64>::new(0).into_any(), 0.0);

    let fill = plugin.func::<(AnyBuffer, f64), ()>("Fill").unwrap();
    let floats = Buffer::<f64>::new(3);
    fill.call((floats.clone().into_any(), 0.5)).unwrap();
    assert_eq!(floats.to_vec(), [0.5; 3]);
    let bytes = Buffer::<u8>::new(2);
    fill.call((bytes.clone().into_any(), 255.0)).unwrap();
    assert_eq!(bytes.to_vec(), [255; 2]);
    let whole =
        "the elements of this buffer are whole numbers, and this one is none, or out of range";
    for (buffer, value) in [
        (bytes.clone().into_any(), 256.0),
        (bytes.into_any(), 0.5),
        (Buffer::<i32>::new(1).into_any(), 2_147_483_648.0),
        (Buffer::<i64>::new(1).into_any(), 1e300),
        (Buffer::<i64>::new(1).into_any(), f64::NAN),
    ] {
        fails(fill.call((buffer, value)), &format!("plugin `script`: `Fill`: script:3: {whole}"));
    }

    let made = plugin.func::<(i64, &str), AnyBuffer>("Make").unwrap();
    for element in Element::ALL {
        let buffer = made.call((4, element.name())).unwrap();
        assert_eq!((buffer.element(), buffer.len()), (element, 4));
    }
    let list = plugin.func::<(), Buffer<f64>>("List").unwrap().call(()).unwrap();
    assert_eq!(list.to_vec(), [1.5, 2.5, -3.0]);
    fails(
        made.call((4, "f65")),
        "plugin `script`: `Make`: script:4: no buffer of `f65`; there are: `f64`, `f32`, `i64`, `i32`, `u8`",
    );
    fails(
        made.call((-1, "u8")),
        "plugin `script`: `Make`: script:4: a buffer has a whole number of elements, got -1",
    );
    fails(
        plugin.func::<(), Buffer<f32>>("List").unwrap().call(()),
        "plugin `script`: `List`: result: expected buffer<f32>, got buffer<f64>",
    );

    let get = plugin.func::<(AnyBuffer, Value), Option<f64>>("Get").unwrap();
    for (index, expected) in [
        (Value::Int(1), Some(0.5)),
        (Value::Int(3), Some(0.5)),
        (Value::Int(0), None),
        (Value::Int(4), None),
        (Value::Int(-1), None),
        (Value::Float(1.5), None),
        (Value::Float(f64::NAN), None),
        (Value::Float(f64::INFINITY), None),
        (Value::Float(1e300), None),
    ] {
        assert_eq!(
            get.call((floats.clone().into_any(), index.clone())).unwrap(),
            expected,
            "{index:?}"
        );
        if expected.is_none() {
            let set = plugin.func::<(AnyBuffer, Value, f64), ()>("Set").unwrap();
            fails(
                set.call((floats.clone().into_any(), index, 1.0)),
                "plugin `script`: `Set`: script:7: a buffer has no such index: they go from 1 to its length",
            );
        }
    }
    fails(
        get.call((floats.clone().into_any(), "x".into())),
        "plugin `script`: `Get`: script:6: a buffer has numbers for its indices",
    );
    let text = plugin.func::<(AnyBuffer,), (String, String)>("Text").unwrap();
    let expected = ("buffer<f64>: 3 elements".to_owned(), "userdata".to_owned());
    assert_eq!(text.call((floats.into_any(),)).unwrap(), expected);

    // It outlives its plugin.
    host.unload(plugin).unwrap();
    assert_eq!(list.get(2), Some(-3.0));
    assert!(list.set(0, 9.0));
}

#[test]
fn buffers_count_as_memory_of_the_script() {
    let host = Host::builder().memory_limit(16 << 20).no_time_limit().build().unwrap();
    let script =
        "function Much() local all = {} while true do all[#all + 1] = host.buffer(100000) end end
        function Again() for i = 1, 1000 do host.buffer(100000) end return true end
        function Huge() return host.buffer(1e15) end";
    let plugin = host.load_source("greedy", script).unwrap();
    for _ in 0..3 {
        let error = plugin.call("Much", ()).unwrap_err();
        assert_eq!(error.limit(), Some(twinplug::Limit::Memory(16 << 20)), "{error}");
        assert_eq!(plugin.call("Again", ()).unwrap(), Value::Bool(true));
    }
    let error = plugin.call("Huge", ()).unwrap_err();
    assert_eq!(error.limit(), Some(twinplug::Limit::Memory(16 << 20)), "{error}");
}

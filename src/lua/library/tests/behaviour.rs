//! What a script sees of a guarded library is what it sees of Lua's own: results, their
//! number and order, and errors to the letter. Each row runs in both.

use super::both;

macro_rules! rows {
    ($($name:ident: $script:expr;)*) => {$(
        #[test]
        fn $name() {
            let [guarded, original] = both($script);
            assert_eq!(guarded, original);
        }
    )*};
}

rows! {
    insert_at_the_end: "local t = {1,2} table.insert(t, 3) return t";
    insert_in_between: "local t = {1,2} table.insert(t, 2, 'x') return t, #t";
    insert_out_of_bounds: "table.insert({1,2}, 9, 'x')";
    insert_with_too_many: "table.insert({}, 1, 2, 3)";
    insert_with_too_few: "table.insert({})";
    insert_into_no_table: "table.insert(5, 1)";
    insert_at_no_place: "table.insert({}, 'x', 1)";
    insert_through_metamethods: "local t = setmetatable({}, {__len = function() return 3 end, __index = function(_, k) return k * 2 end}) table.insert(t, 2, 'x') return t";
    insert_out_of_bounds_with_metamethods: "table.insert(setmetatable({}, {__len = function() return 3 end}), 9, 'x')";
    remove_last: "local t = {1,2,3} return table.remove(t), t";
    remove_first: "local t = {1,2,3} return table.remove(t, 1), t";
    remove_behind_the_end: "local t = {1,2,3} return table.remove(t, 4), t";
    remove_out_of_bounds: "return table.remove({1,2,3}, 7)";
    remove_from_nothing: "return table.remove({}), table.remove({}, 0)";
    remove_through_metamethods: "local t = setmetatable({1,2,3}, {__index = function(_, k) return k * 2 end}) return table.remove(t, 1), rawget(t, 1), rawget(t, 3)";
    remove_out_of_bounds_with_metamethods: "return table.remove(setmetatable({1,2,3}, {}), 7)";
    move_up: "return table.move({1,2,3}, 1, 3, 2)";
    move_down: "return table.move({1,2,3}, 2, 3, 1)";
    move_to_another: "return table.move({1,2,3}, 1, 3, 3, {9, 9, 9})";
    move_of_many: "local t = {} for i = 1, 100 do t[i] = i end t = table.move(t, 1, 2^21, 50) return t[1], t[49], t[50], t[51], t[149], t[150]";
    move_of_many_to_another: "local t = {} for i = 1, 100 do t[i] = i end local u = table.move(t, -5, 2^21, 1, {}) return u[6], u[7], u[106], u[107]";
    move_through_metamethods: "local t = setmetatable({}, {__index = function(_, k) return k end}) return table.move(t, 1, 5, 3, {})";
    move_around_the_end: "if math.maxinteger or table.clone then return table.move({}, 1, math.maxinteger or 2^31 - 1, 2) end";
    move_of_too_many: "if math.maxinteger or table.clone then return table.move({}, -10, math.maxinteger or 2^31 - 1, 2) end";
    move_of_no_table: "return table.move(1, 2, 3, 4)";
    concat_plain: "return table.concat({1, 2.5, 'x'}, ', ')";
    concat_of_a_range: "return table.concat({1, 2, 3, 4}, '-', 2, 3), table.concat({1}, '-', 2), table.concat({})";
    concat_of_a_wrong_item: "return table.concat({1, {}, 3})";
    concat_with_metamethods: "local t = setmetatable({}, {__len = function() return 3 end, __index = function(_, k) return k * 2 end}) return pcall(table.concat, t, '-')";
    concat_of_a_range_with_metamethods: "local t = setmetatable({1, 2, 3}, {}) return table.concat(t, '-', 2, '3'), table.concat(t, 5), table.concat(t, '', 3, 2)";
    concat_of_a_wrong_item_with_metamethods: "return table.concat(setmetatable({1, {}, 3}, {}))";
    concat_of_no_separator_with_metamethods: "return table.concat(setmetatable({1, 2, 3}, {}), {})";
    concat_of_no_length: "return pcall(table.concat, setmetatable({}, {__len = function() return 'x' end}))";
    unpack_plain: "local unpack = table.unpack or unpack return unpack({1, nil, 3}, 1, 3)";
    unpack_with_metamethods: "local unpack = table.unpack or unpack return unpack(setmetatable({1, 2}, {__index = function(_, k) return k * 2 end}), 1, 4)";
    unpack_of_nothing: "local unpack = table.unpack or unpack return unpack(setmetatable({1, 2}, {}), 3)";
    unpack_of_too_many: "local unpack = table.unpack or unpack return unpack({}, 1, 1e8)";
    unpack_of_too_many_with_metamethods: "local unpack = table.unpack or unpack return pcall(unpack, setmetatable({}, {}), 1, 1e8)";
    sort_plain: "local t = {3, 1, 2} table.sort(t) return t";
    sort_by_an_order: "local t = {3, 1, 2} table.sort(t, function(a, b) return a > b end) return t";
    sort_by_an_order_in_c: "local t = {3, 1, 2} table.sort(t, rawequal) return #t";
    sort_by_no_order: "table.sort({3, 1, 2}, 5)";
    sort_of_mixed: "return pcall(table.sort, {1, 'x'})";
    sort_of_tables: "return pcall(table.sort, {{}, {}})";
    sort_of_many: "local t = {} for i = 1, 100000 do t[i] = i * 7919 % 100003 end table.sort(t) for i = 2, #t do if t[i - 1] > t[i] then return i end end return t[1], t[#t]";
    sort_by_metamethods: "local meta = {__lt = function(a, b) return a.n < b.n end} local t = {} for i = 1, 5 do t[i] = setmetatable({n = i * 3 % 5}, meta) end table.sort(t) return t[1].n, t[5].n";
    sort_by_a_bad_order: "local t = {} for i = 1, 100 do t[i] = i end return pcall(table.sort, t, function() return true end)";
    rep_of_nothing: "return string.rep('', 1000000), string.rep('', 1000000, ''), string.rep('', 0)";
    rep_plain: "return ('ab'):rep(3), ('ab'):rep(-1), ('').rep('', 3, '-')";
    rep_of_nothing_as_often_as_nothing: "return string.rep('', {})";
    rep_of_too_much: "return string.rep('abc', 2^62)";
    format_plain: "return string.format('%5d|%-5s|%.3f|%q', 42, 'x', 1/3, 'a\\nb')";
    format_of_a_wrong_value: "return string.format('%d', 'x')";
    format_of_a_missing_value: "return string.format('%d %d', 1)";
    find_plain: "return ('a.b'):find('.', 1, true), ('a.b'):find('.', -1, true), ('x'):find('', 10, true), ('x'):find('', 2)";
    find_of_a_wrong_value: "return ('x'):find({})";
    find_of_nothing: "return string.find()";
    find_with_a_wrong_start: "return ('x'):find('x', 'y')";
    find_in_a_number: "return string.find(12345, 34)";
    match_of_a_malformed_pattern: "return ('x'):match('[')";
    match_of_a_method: "return ('key = value'):match('^(%w+)%s*=%s*(%w+)$')";
    gmatch_plain: "local t = {} for k, v in ('a=1, b=2'):gmatch('(%w+)=(%w+)') do t[k] = v end return t";
    gmatch_of_a_wrong_value: "return ('x'):gmatch()";
    gsub_plain: "return ('hello world'):gsub('o', '0'), ('abc'):gsub('%w', '%0%0', 2), ('abc'):gsub('', '-')";
    gsub_by_a_table: "return ('$a $b'):gsub('%$(%w+)', {a = 1, b = false})";
    gsub_by_a_table_with_metamethods: "return ('$a $b'):gsub('%$(%w+)', setmetatable({}, {__index = function(_, k) return k .. k end}))";
    gsub_by_a_function: "return ('abc'):gsub('()(%w)', function(at, c) if at ~= 2 then return at .. c end end)";
    gsub_by_a_function_in_c: "return ('abc'):gsub('%w', string.upper)";
    gsub_by_a_wrong_function_in_c: "return ('abc'):gsub('%w', function() return {} end)";
    gsub_by_a_function_in_c_that_gives_no_text: "return ('abc'):gsub('%w', rawlen or table.getn)";
    gsub_by_a_table_that_gives_no_text: "return ('abc'):gsub('%w', setmetatable({}, {__index = function() return {} end}))";
    gsub_by_a_wrong_value: "return ('abc'):gsub('%w', true)";
    gsub_so_often: "return ('abc'):gsub('%w', string.upper, 2)";
    gsub_not_once: "return ('abc'):gsub('%w', string.upper, 0)";
    gsub_as_often_as_nothing: "return ('abc'):gsub('%w', string.upper, {})";
    gsub_of_many_empty_captures: "local s, n = ('a'):rep(3000):gsub('(b*)a', ('%1'):rep(3000) .. '%0') return #s, n";
    gsub_of_a_missing_capture: "return pcall(string.gsub, ('a'):rep(3000), 'a', ('%1'):rep(3000) .. '%2')";
    gsub_of_a_wrong_escape: "return pcall(string.gsub, ('a'):rep(3000), 'a', ('%1'):rep(3000) .. '%x')";
    date_plain: "return os.date('!%Y-%m-%d', 0), os.date('!*t', 86400)";
    date_of_a_wrong_format: "return pcall(os.date, '%Ez', 0)";
    gsub_of_an_unfinished_capture: "return pcall(string.gsub, ('a'):rep(3000), '(a', ('%0'):rep(3000)), 1";
    load_of_a_text: "return load and load('return 1 + 1')()";
    load_of_a_long_text: "return load and load(('x = 1\\n'):rep(1000) .. 'return 1 + 1')()";
    load_of_a_broken_long_text: "if load then return load(('x = 1\\n'):rep(1000) .. 'return ]') end";
    load_of_a_broken_long_line: "if load then return load(('x = 1 '):rep(1000) .. 'return ]') end";
    load_of_a_named_broken_long_text: "if load then return load(('x = 1\\n'):rep(1000) .. 'return ]', '=name') end";
    load_of_a_reader: "if load then local n = 0 return load(function() n = n + 1 return ({'return ', '1', ' + 1'})[n] end)() end";
    load_of_a_reader_that_fails: "if load then return load(function() error('no', 0) end) end";
    split_plain: "if string.split then return ('a,b,,c'):split(','), ('a'):split(''), ('a--b'):split('--') end";
    find_in_a_table: "if table.find then return table.find({1, 2, 3}, 2), table.find({1, 2, 3}, 2, 3), table.find({'a'}, 'b') end";
    find_by_metamethods: "if table.find then local m = {__eq = function() return true end} local a, b = setmetatable({}, m), setmetatable({}, m) return table.find({1, a}, b), table.find({1}, b), table.find({a}, b, 2) end";
    find_from_nowhere: "if table.find then return table.find({}, setmetatable({}, {}), 0) end";
    foreach_in_c: "if table.foreachi then local t = {} return table.foreachi({'a', 'b'}, rawequal), table.foreach({}, rawequal), table.foreachi({}, rawequal) end";
}

#[cfg(any(feature = "lua54", feature = "lua55"))]
#[test]
fn rep_of_more_than_memory_is_an_error() {
    let shown = super::shown(&super::guarded(), "return ('abc'):rep(2^60)");
    assert_eq!(shown, "boolean false, string row:1: resulting string too large");
}

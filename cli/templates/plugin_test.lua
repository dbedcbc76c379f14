-- Tests of the plugin {{name}}: `twinplug test` runs each global function `test_*`.

function test_hello()
  assert_equal(plugin.hello("world"), "Hello, world!")
end

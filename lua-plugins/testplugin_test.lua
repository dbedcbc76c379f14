-- Tests of the sample plugin, of whatever it is made: `twinplug test lua-plugins`, or
-- `twinplug test lua-plugins/testplugin_test.lua --plugin native-plugins/testplugin-c`.

function test_hello_says_the_value()
  plugin.Value = 7
  assert_equal(plugin.Hello(), "Hello, number 7")
end

function test_each_test_has_the_plugin_anew()
  assert_equal(plugin.Value, 0)
end

function test_complex_type_sends_what_it_has_made()
  plugin.Pd = { name = "PluginTest", age = 11, tel = "15396656998" }
  plugin.ComplexType()
  assert_equal(host.channel("data"):recv(), { name = "PluginTest", age = 44, tel = "15396656998" })
  assert_equal(plugin.Pd.age, 44)
end

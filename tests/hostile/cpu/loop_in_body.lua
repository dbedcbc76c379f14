--- loops in its body
--- outcome: load time

while true do end

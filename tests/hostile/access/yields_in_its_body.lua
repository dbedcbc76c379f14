-- Yields where it is loaded.
--- outcome: load: attempt to yield from outside a coroutine

coroutine.yield(1)

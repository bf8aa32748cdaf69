"""Where the queue keeps its mail: one module or package a backend, each an `mailframe.queue.interfaces.ISpool`."""

"""For authors of plugins and programs: fakes, contract suites, and the transcript runner."""

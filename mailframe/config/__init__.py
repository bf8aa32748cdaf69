"""Configuration: what may be said, reading it, and what is wrong with it.

`types` is what schemas are written with; `schema` has the sections that are not plugins' own, and `Configuration`;
`loading` reads a file (`positions` knows its lines, `scalars` and `listen` its values, `walker` the schemas);
`errors` says what is wrong; `describe` and `reference` write the documentation.
"""

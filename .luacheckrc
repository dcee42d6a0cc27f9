std = "luajit"
max_line_length = 120
exclude_files = { "build" }
files["spec"] = { std = "luajit+busted" }
-- Pipelines use the words that whorl gives them.
files["examples"] = { read_globals = { "pipeline", "deform", "field", "sample", "mesh", "expose", "reload", "host" } }

std = "luajit"
max_line_length = 120
exclude_files = { "build" }
files["spec"] = { std = "luajit+busted" }
-- Pipelines use the words that whorl gives them.
local words = { "pipeline", "deform", "field", "sample", "mesh", "expose", "reload", "host" }
files["examples"] = { read_globals = words }
files["hosts/blender"] = { read_globals = words }
files["spec/same_points"] = { read_globals = words }

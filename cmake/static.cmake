# WHORL_STATIC: the kernels become part of the library; what builds, watches, guards, loads and remembers is left out,
# and runtime/static/ is in its place. Sets runtime_sources, kernel_entries (no modules), module_flags and
# library_type anew.
option(BUILD_SHARED_LIBS "A shared library, not an archive" ON)
set(module_flags "")
set(library_type STATIC)
if(BUILD_SHARED_LIBS)
  set(library_type SHARED)
endif()

list(FILTER runtime_sources EXCLUDE REGEX
     "/(arrive|attempt|beside|build|builtin|canary|crashes|equip|generations|guard_posix|history|info|input|jobs|live|notice|os_linux|os_program|publish|rebind|recover|switch|transact|units)\\.c$")
file(GLOB static_sources CONFIGURE_DEPENDS runtime/static/*.c)

# The table of runtime/static/linked.h.
set(linked_sources "")
set(linked_words "")
set(linked_declarations "")
set(linked_entries "")
function(link_kernel word)
  if(word IN_LIST linked_words)
    message(FATAL_ERROR "two kernels are named ${word} (see WHORL_STATIC_KERNELS)")
  endif()
  foreach(source IN LISTS ARGN)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
    file(STRINGS ${source} lines REGEX "^ *WH_KERNEL\\( *[a-z0-9_]+")
    foreach(line IN LISTS lines)
      string(REGEX MATCH "\\( *([a-z0-9_]+)" name "${line}")
      set(name wh_kernel_${CMAKE_MATCH_1})
      string(APPEND linked_declarations "extern const wh_kernel ${name} HIDDEN;\n")
      string(APPEND linked_entries "    {\"${word}\", \"${name}\", &${name}},\n")
    endforeach()
  endforeach()
  set(linked_sources ${linked_sources} ${ARGN} PARENT_SCOPE)
  set(linked_words ${linked_words} ${word} PARENT_SCOPE)
  set(linked_declarations "${linked_declarations}" PARENT_SCOPE)
  set(linked_entries "${linked_entries}" PARENT_SCOPE)
endfunction()

foreach(entry IN LISTS kernel_entries WHORL_STATIC_KERNELS)
  cmake_path(ABSOLUTE_PATH entry NORMALIZE)
  cmake_path(GET entry STEM word)
  if(IS_DIRECTORY ${entry})
    file(GLOB kernel_sources CONFIGURE_DEPENDS ${entry}/*.c)
    link_kernel(${word} ${kernel_sources})
  elseif(entry MATCHES "\\.c$")
    link_kernel(${word} ${entry})
  endif()
endforeach()
set(kernel_entries "")
file(CONFIGURE OUTPUT linked_kernels.c @ONLY CONTENT
     "#include \"static/linked.h\"

#define HIDDEN __attribute__((visibility(\"hidden\"))) /* nobody links with them but this table */
@linked_declarations@
const wh__linked wh__linked_kernels[] = {
@linked_entries@    {NULL, NULL, NULL},
};
")

# For the instruction set that CMAKE_C_FLAGS names, else the compiler's own baseline.
add_library(linked_kernels OBJECT ${linked_sources})
target_include_directories(linked_kernels PRIVATE kernels)
target_compile_options(linked_kernels PRIVATE ${kernel_flags})
set_target_properties(linked_kernels PROPERTIES POSITION_INDEPENDENT_CODE ON)
list(APPEND runtime_sources ${static_sources} ${PROJECT_BINARY_DIR}/linked_kernels.c $<TARGET_OBJECTS:linked_kernels>)

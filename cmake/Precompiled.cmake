# Precompiled headers: half of a source's compile time is spent on the same headers.
#
# Beside each lies a .sum, the digest of the preprocessed header without paths. ccache hashes that
# (CCACHE_PCH_EXTSUM, set by ./dev) instead of the precompiled bytes, which hold the tree's path,
# so that objects are shared between clones. The precompiled header itself is never cached.
function(cordon_precompile name)
  set(dir ${PROJECT_BINARY_DIR}/pch)
  set(header ${PROJECT_SOURCE_DIR}/cmake/${name}.h)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    set(out ${dir}/${name}.pch)
    set(extra -Xclang -fno-pch-timestamp -fpch-instantiate-templates)
  else()
    # GCC finds it beside a header of that name.
    configure_file(${header} ${dir}/${name}.h COPYONLY)
    set(out ${dir}/${name}.h.gch)
    set(extra)
  endif()
  separate_arguments(flags NATIVE_COMMAND "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${build_type}}")
  set(command ${CMAKE_CXX_COMPILER} ${flags} -fPIC -std=c++20 -DFMT_SHARED
              -I${PROJECT_SOURCE_DIR}/cmake ${ARGN} -x c++-header)
  add_custom_command(OUTPUT ${out} ${out}.sum
    COMMAND ${command} ${extra} -MD -MF ${out}.d -MT ${out} ${header} -o ${out}
    COMMAND ${command} -E -P ${header} -o ${dir}/${name}.i
    COMMAND ${CMAKE_COMMAND} -E sha256sum pch/${name}.i > ${out}.sum
    COMMAND ${CMAKE_COMMAND} -E rm ${dir}/${name}.i
    WORKING_DIRECTORY ${PROJECT_BINARY_DIR} DEPFILE ${out}.d DEPENDS ${header} VERBATIM
    COMMENT "Precompiling ${name}.h")
  add_custom_target(cordon_${name} DEPENDS ${out})
endfunction()

# Gives a target the header that fits it.
function(cordon_use_precompiled target name)
  add_dependencies(${target} cordon_${name})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    set(use "-include-pch ${PROJECT_BINARY_DIR}/pch/${name}.pch")
  else()
    set(use "-include ${PROJECT_BINARY_DIR}/pch/${name}.h")
  endif()
  target_compile_options(${target} PRIVATE "SHELL:${use}")
endfunction()

string(TOUPPER "${CMAKE_BUILD_TYPE}" build_type)
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/pch)
cordon_precompile(precompiled)
if(BUILD_TESTING)
  cordon_precompile(precompiled_test -DGTEST_HAS_PTHREAD=1)
endif()

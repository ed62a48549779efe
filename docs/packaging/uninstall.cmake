# Removes what `cmake --install` of this build folder wrote: cmake --build build --target uninstall
if(NOT EXISTS "${BUILD}/install_manifest.txt")
  message(FATAL_ERROR "nothing was installed from ${BUILD}")
endif()
file(STRINGS "${BUILD}/install_manifest.txt" files)
foreach(file ${files})
  message(STATUS "removing $ENV{DESTDIR}${file}")
  file(REMOVE "$ENV{DESTDIR}${file}")
endforeach()

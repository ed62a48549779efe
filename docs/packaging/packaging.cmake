# Manuals, completions, the systemd unit, packages: what an installation has beside the program.
set(made ${PROJECT_BINARY_DIR}/made)
file(MAKE_DIRECTORY ${made})
set(packaging ${PROJECT_SOURCE_DIR}/docs/packaging)
set(made_files "")

function(made_by out)   # the words of a command that prints it
  list(POP_FRONT ARGN program)
  set(depends ${program})
  if(TARGET ${program})
    set(program $<TARGET_FILE:${program}>)
  else()
    set(depends ${PROJECT_SOURCE_DIR}/docs/FILES.md ${PROJECT_SOURCE_DIR}/docs/files-man.awk)
  endif()
  add_custom_command(OUTPUT ${made}/${out} DEPENDS ${depends} ${packaging}/make.cmake VERBATIM
    COMMAND ${CMAKE_COMMAND} -DOUT=${made}/${out} "-DPROGRAM=${program}" "-DARGS=${ARGN}" -P ${packaging}/make.cmake)
  set(made_files ${made_files} ${made}/${out} PARENT_SCOPE)
endfunction()

# They come out of the program itself: a build for another system has none.
if(NOT CMAKE_CROSSCOMPILING)
  made_by(iapeer.1.gz iapeer help --roff)
  made_by(iapeer-files.5.gz awk -v version=${PROJECT_VERSION} -f ${PROJECT_SOURCE_DIR}/docs/files-man.awk
          ${PROJECT_SOURCE_DIR}/docs/FILES.md)
  made_by(iapeer.bash iapeer completion bash)
  made_by(_iapeer iapeer completion zsh)
  made_by(iapeer.fish iapeer completion fish)
  add_custom_target(manuals ALL DEPENDS ${made_files})
  install(FILES ${made}/iapeer.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  install(FILES ${made}/iapeer-files.5.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
  install(FILES ${made}/iapeer.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME iapeer)
  install(FILES ${made}/_iapeer DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
  install(FILES ${made}/iapeer.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endif()
configure_file(${packaging}/iapeer.rb.in ${PROJECT_BINARY_DIR}/iapeer.rb @ONLY)
if(NOT APPLE)
  configure_file(${packaging}/iapeer.service.in ${made}/iapeer.service @ONLY)
  install(FILES ${made}/iapeer.service DESTINATION lib/systemd/user)
endif()
install(FILES README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs FILES_MATCHING PATTERN "*.md" PATTERN packaging EXCLUDE)
add_custom_target(uninstall COMMAND ${CMAKE_COMMAND} -DBUILD=${PROJECT_BINARY_DIR} -P ${packaging}/uninstall.cmake VERBATIM)

# cpack -G DEB, or TGZ, in the build folder.
set(CPACK_PACKAGE_CONTACT "iapeer <iapeer@users.noreply.github.com>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "team of AI agents, people and services kept reachable by name")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "tmux (>= 3.2)")
string(CONCAT CPACK_DEBIAN_PACKAGE_DESCRIPTION
  "Each live peer runs in a tmux server of its own; a message to a\n"
  "sleeping one wakes it first and is kept until there is proof of what\n"
  "became of it. When a session or a whole tmux server dies, the observed\n"
  "cause is on record.")
file(MAKE_DIRECTORY ${made}/deb)
configure_file(${packaging}/copyright ${made}/deb/copyright COPYONLY)
if(CPACK_BUILD_DEB OR NOT APPLE)
  execute_process(COMMAND gzip -9nc ${packaging}/changelog OUTPUT_FILE ${made}/deb/changelog.gz)
  install(FILES ${made}/deb/copyright ${made}/deb/changelog.gz DESTINATION ${CMAKE_INSTALL_DOCDIR})
endif()
include(CPack)

# What `cmake --install` puts where: the program, a man page for each command, the completions where each shell looks for them, documents.
include(GNUInstallDirs)

install(TARGETS raibid-cli)

# The pages are made by the program itself, from the table of its commands.
set(MAN_FOLDER ${CMAKE_BINARY_DIR}/man)
find_program(GZIP gzip REQUIRED)
add_custom_command(
  OUTPUT ${MAN_FOLDER}/done
  COMMAND ${CMAKE_COMMAND} -E rm -rf ${MAN_FOLDER}
  COMMAND raibid-cli man-pages ${MAN_FOLDER}
  COMMAND sh -c "exec ${GZIP} -9n ${MAN_FOLDER}/*.1"
  COMMAND ${CMAKE_COMMAND} -E touch ${MAN_FOLDER}/done
  DEPENDS raibid-cli
  COMMENT "Writing the man pages" VERBATIM)
add_custom_target(man-pages DEPENDS ${MAN_FOLDER}/done)
install(CODE "execute_process(COMMAND \"${CMAKE_COMMAND}\" --build \"${CMAKE_BINARY_DIR}\" --target man-pages COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)")
install(DIRECTORY ${MAN_FOLDER}/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 FILES_MATCHING PATTERN "*.1.gz")

install(FILES completions/raibid-cli.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME raibid-cli)
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  set(ZSH_FOLDER vendor-completions) # what Debian's zsh looks in for packages
else()
  set(ZSH_FOLDER site-functions)
endif()
install(FILES completions/_raibid-cli DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/${ZSH_FOLDER})
install(FILES completions/raibid-cli.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
install(FILES README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs FILES_MATCHING PATTERN "*.md" PATTERN "*.svg")

# Removes what the last `cmake --install` of this folder wrote: its list of files.
add_custom_target(uninstall
  COMMAND ${CMAKE_COMMAND} -DMANIFEST=${CMAKE_BINARY_DIR}/install_manifest.txt -P ${CMAKE_SOURCE_DIR}/cmake/uninstall.cmake
  COMMENT "Removing what was installed" VERBATIM)

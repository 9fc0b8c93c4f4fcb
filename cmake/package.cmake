# Packages of CPack: `cpack -G DEB` for Debian, `cpack -G TGZ` for a tarball (of a build with RAIBID_STATIC it runs everywhere).
set(CPACK_PACKAGE_VENDOR "The raibid-cli authors")
set(CPACK_PACKAGE_CONTACT "The raibid-cli authors <raibid-cli@users.noreply.github.com>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Sets up Redis for job queues on Kubernetes")
set(CPACK_PACKAGE_DESCRIPTION
    "raibid-cli gives a Kubernetes cluster, or this machine, a Redis that
is ready for a job queue, proves that it works, and removes it again.
It runs helm and kubectl, which have to be there for a cluster.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_FILE_NAME raibid-cli-${PROJECT_VERSION}-${CMAKE_SYSTEM_NAME}-${CMAKE_SYSTEM_PROCESSOR})
string(TOLOWER ${CPACK_PACKAGE_FILE_NAME} CPACK_PACKAGE_FILE_NAME)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON) # the libraries that the program is linked with, from the program itself
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "redis-server, redis-tools")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

# What Debian wants beside the program: who may do what with it, and what changed.
set(DEBIAN_DOCS ${CMAKE_BINARY_DIR}/debian)
file(READ ${CMAKE_SOURCE_DIR}/LICENSE LICENSE_TEXT)
string(REGEX REPLACE "\n\n" "\n.\n" LICENSE_LINES "${LICENSE_TEXT}")
string(REGEX REPLACE "\n([^\n])" "\n \\1" LICENSE_LINES "${LICENSE_LINES}")
string(STRIP "${LICENSE_LINES}" LICENSE_LINES)
file(WRITE ${DEBIAN_DOCS}/copyright
  "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: raibid-cli

Files: *
Copyright: 2026 The raibid-cli authors
License: Expat
 ${LICENSE_LINES}
")
file(WRITE ${DEBIAN_DOCS}/changelog
  "raibid-cli (${PROJECT_VERSION}) unstable; urgency=medium

  * See docs/changelog.md beside this file.

 -- ${CPACK_PACKAGE_CONTACT}  Wed, 25 Nov 2026 12:00:00 +0000
")
execute_process(COMMAND ${GZIP} -9nf ${DEBIAN_DOCS}/changelog COMMAND_ERROR_IS_FATAL ANY)
install(FILES ${DEBIAN_DOCS}/copyright ${DEBIAN_DOCS}/changelog.gz DESTINATION ${CMAKE_INSTALL_DOCDIR})

include(CPack)

#!/bin/sh
# Stands for gcc in the build of an old kernel: an empty object, and a file with dependencies. Questions go to the real one.
here=$(dirname "$0")
for argument in "$@"; do
  case $argument in
    *.c | *.S) source=$argument ;;
    -Wp,-MD,*) dependencies=${argument#-Wp,-MD,} ;;
    -c) compiles=yes ;;
    /dev/null | --version | -v | -dumpversion | -print*) exec gcc "$@" ;;
  esac
  [ "$previous" = -o ] && output=$argument
  previous=$argument
done
[ -z "$source" ] && exec gcc "$@"
[ -n "$dependencies" ] && echo "x.o: $source" >"$dependencies"
if [ -n "$compiles" ]; then cp "$here/empty.o" "$output"; else : >"${output:-/dev/null}"; fi

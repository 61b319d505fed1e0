/**
 * Runs a command that may reach only the files it is told (landlock(7)): `guard.py RULES COMMAND...`, where RULES is
 * JSON: `{"read": [path], "write": [path]}`. Without arguments it prints the kernel's Landlock version and its own path.
 * In Python, since Node cannot make system calls of its own and Python is there anyway.
 */
export const fileGuardScript = `import ctypes, json, os, stat, struct, sys

libc = ctypes.CDLL(None, use_errno=True)
CREATE, ADD_RULE, RESTRICT = 444, 445, 446
VERSION = libc.syscall(CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
WRITE_FILE, READ_FILE, REFER, TRUNCATE = 1 << 1, 1 << 2, 1 << 13, 1 << 14
CHANGE_DIRECTORY = sum(1 << bit for bit in range(4, 13)) | REFER
SCOPE_SIGNAL = 1 << 1
PR_SET_NO_NEW_PRIVS = 38


def checked(result, what):
    if result < 0:
        sys.exit("tagboat: %s failed: %s" % (what, os.strerror(ctypes.get_errno())))
    return result


def restrict(rules):
    of_file = WRITE_FILE | READ_FILE | (TRUNCATE if VERSION >= 3 else 0)
    handled = of_file | CHANGE_DIRECTORY
    attribute = struct.pack("=QQQ", handled, 0, SCOPE_SIGNAL) if VERSION >= 6 else struct.pack("=Q", handled)
    ruleset = checked(libc.syscall(CREATE, attribute, ctypes.c_size_t(len(attribute)), ctypes.c_uint32(0)), "landlock")
    for kind, access in (("read", READ_FILE), ("write", handled)):
        for path in rules[kind]:
            try:
                found = os.open(path, os.O_PATH | os.O_CLOEXEC)
            except OSError:
                continue
            allowed = access if stat.S_ISDIR(os.fstat(found).st_mode) else access & of_file
            rule = struct.pack("=Qi", allowed, found)
            checked(libc.syscall(ADD_RULE, ruleset, ctypes.c_int(1), rule, ctypes.c_uint32(0)), "a rule for " + path)
            os.close(found)
    checked(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    checked(libc.syscall(RESTRICT, ruleset, ctypes.c_uint32(0)), "landlock")
    os.close(ruleset)


if len(sys.argv) < 2:
    print(json.dumps({"version": VERSION, "python": sys.executable}))
else:
    with open(sys.argv[1]) as file:
        restrict(json.load(file))
    try:
        os.execvp(sys.argv[2], sys.argv[2:])
    except OSError as error:
        print("%s: %s" % (sys.argv[2], error.strerror), file=sys.stderr)
        sys.exit(126 if error.errno == 13 else 127)
`;

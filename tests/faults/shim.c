/*
 * Stands between a program and the system calls that change files, for Linux on 64 bits.
 *
 * Preloaded (LD_PRELOAD), it sees each change of what is below one folder, in all processes that
 * inherit its variables. It appends the change to a log that these processes share, and it can let
 * chosen calls fail, write less than they were asked to, or find the disk full. Changes are made
 * one at a time, under a lock that survives the death of its holder, so that their order in the
 * log is the order in which they happened.
 *
 * SHIM_FOLDER        the folder, an absolute path without links
 * SHIM_STATE         the file that is shared: `struct state`, and from LOG_START on the log
 * SHIM_FAULT_CALLS   which calls may fail: names of `struct group` with commas between them
 * SHIM_FAULT_AT      the first one that does, from 1 on, counted over all processes
 * SHIM_FAULT_TIMES   how many do; 0 is all that follow
 * SHIM_FAULT_ERROR   the number of the error, or -1: write half of the bytes
 * SHIM_FAULT_ROLE    1: only calls of the first process, 2: only of others, 0: of all
 *
 * What is written through a mapping of a file into memory is not seen. `replay` in disk.py finds
 * out whether something was missed.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#define LOG_START 4096
#define BLOCK 4096
#define EXPORT __attribute__((visibility("default")))

/* Python reads and writes the integers; see `State` in shim.py. */
struct state {
    int64_t capacity;   /* bytes that the log has room for */
    int64_t used;       /* bytes of the log */
    int64_t sequence;   /* operations so far */
    int64_t overflow;   /* whether the log was full */
    int64_t main_pid;   /* the first process */
    int64_t seen;       /* calls so far that may fail */
    int64_t given;      /* calls that did */
    int64_t quota;      /* bytes that the disk has, or -1 */
    int64_t quota_used; /* bytes of all files */
    int64_t is_ready;   /* whether there is a mutex */
    pthread_mutex_t mutex;
};

/* The same numbers as in `Kind` in shim.py. */
enum kind { CREATE = 1, WRITE, TRUNCATE, ALLOCATE, SYNC, LINK, RENAME, UNLINK, MARK, FAULT };
enum flag { NAMELESS = 1, FOLDER = 2, FAILED = 4, EVERYTHING = 8 };

struct header {
    uint32_t kind, flags, path_size, other_size;
    int64_t sequence, pid, inode, offset, length, data_size;
};

enum group { G_OPEN = 1, G_WRITE = 2, G_TRUNCATE = 4, G_ALLOCATE = 8, G_SYNC = 16, G_LINK = 32,
             G_RENAME = 64, G_UNLINK = 128, G_MKDIR = 256 };
static const struct { const char *name; int group; } GROUPS[] = {
    {"open", G_OPEN}, {"write", G_WRITE}, {"truncate", G_TRUNCATE}, {"allocate", G_ALLOCATE},
    {"sync", G_SYNC}, {"link", G_LINK}, {"rename", G_RENAME}, {"unlink", G_UNLINK},
    {"mkdir", G_MKDIR},
};

static struct state *state;
static char folder[PATH_MAX];
static size_t folder_size;
static int fault_calls, fault_role;
static long fault_at, fault_times, fault_error;

/* ----- the functions that are stood before ------------------------------------------------- */

#define REAL(result, name, ...)                                                                \
    static result (*real_##name)(__VA_ARGS__);                                                 \
    static void find_##name(void) { real_##name = dlsym(RTLD_NEXT, #name); }

REAL(int, open, const char *, int, ...)
REAL(int, openat, int, const char *, int, ...)
REAL(ssize_t, write, int, const void *, size_t)
REAL(ssize_t, writev, int, const struct iovec *, int)
REAL(ssize_t, pwrite, int, const void *, size_t, off_t)
REAL(ssize_t, pwritev, int, const struct iovec *, int, off_t)
REAL(ssize_t, pwritev2, int, const struct iovec *, int, off_t, int)
REAL(ssize_t, sendfile, int, int, off_t *, size_t)
REAL(ssize_t, copy_file_range, int, off_t *, int, off_t *, size_t, unsigned)
REAL(int, ftruncate, int, off_t)
REAL(int, truncate, const char *, off_t)
REAL(int, fallocate, int, int, off_t, off_t)
REAL(int, posix_fallocate, int, off_t, off_t)
REAL(int, fsync, int)
REAL(int, fdatasync, int)
REAL(int, syncfs, int)
REAL(void, sync, void)
REAL(int, linkat, int, const char *, int, const char *, int)
REAL(int, renameat2, int, const char *, int, const char *, unsigned)
REAL(int, unlinkat, int, const char *, int)
REAL(int, mkdirat, int, const char *, mode_t)
REAL(int, statvfs, const char *, struct statvfs *)
REAL(int, fstatvfs, int, struct statvfs *)

static long number_of(const char *name, long otherwise) {
    const char *text = getenv(name);
    return text && *text ? strtol(text, NULL, 10) : otherwise;
}

static int groups_of(const char *text) {
    int found = 0;
    char copy[256], *rest = NULL;
    snprintf(copy, sizeof copy, "%s", text ? text : "");
    for (char *name = strtok_r(copy, ",", &rest); name; name = strtok_r(NULL, ",", &rest))
        for (size_t each = 0; each < sizeof GROUPS / sizeof *GROUPS; each++)
            if (!strcmp(name, GROUPS[each].name)) found |= GROUPS[each].group;
    return found;
}

static void share_state(const char *path) {
    int descriptor = real_open(path, O_RDWR | O_CLOEXEC);
    struct stat status;
    if (descriptor < 0 || fstat(descriptor, &status)) return;
    void *memory = mmap(NULL, status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    close(descriptor);
    if (memory == MAP_FAILED) return;
    struct state *found = memory;
    if (!found->is_ready) { /* the first process is alone */
        pthread_mutexattr_t attributes;
        pthread_mutexattr_init(&attributes);
        pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
        pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
        pthread_mutex_init(&found->mutex, &attributes);
        found->main_pid = getpid();
        found->is_ready = 1;
    }
    state = found;
}

static void prepare(void) {
    find_open(); find_openat(); find_write(); find_writev(); find_pwrite(); find_pwritev();
    find_pwritev2(); find_sendfile(); find_copy_file_range(); find_ftruncate(); find_truncate();
    find_fallocate(); find_posix_fallocate(); find_fsync(); find_fdatasync(); find_syncfs();
    find_sync(); find_linkat(); find_renameat2(); find_unlinkat(); find_mkdirat();
    find_statvfs(); find_fstatvfs();
    const char *below = getenv("SHIM_FOLDER"), *shared = getenv("SHIM_STATE");
    if (!below || !shared) return;
    folder_size = snprintf(folder, sizeof folder, "%s", below);
    fault_calls = groups_of(getenv("SHIM_FAULT_CALLS"));
    fault_at = number_of("SHIM_FAULT_AT", 0);
    fault_times = number_of("SHIM_FAULT_TIMES", 1);
    fault_error = number_of("SHIM_FAULT_ERROR", EIO);
    fault_role = number_of("SHIM_FAULT_ROLE", 0);
    share_state(shared);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
__attribute__((constructor)) static void begin(void) { pthread_once(&once, prepare); }

/* ----- which file -------------------------------------------------------------------------- */

static int is_below(const char *path) {
    return state && !strncmp(path, folder, folder_size) &&
           (path[folder_size] == '/' || !path[folder_size]);
}

/* Put the path of an open file into `path`; return whether it is below the folder. */
static int descriptor_path(int descriptor, char *path) {
    if (!state || descriptor < 0) return 0;
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t size = readlink(link, path, PATH_MAX - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return is_below(path);
}

/* Put an absolute path without links, but for its last part, into `path`; return as above. */
static int full_path(int directory, const char *name, char *path) {
    if (!state || !name) return 0;
    int saved = errno;
    char joined[2 * PATH_MAX], parent[PATH_MAX];
    if (*name == '/') {
        snprintf(joined, sizeof joined, "%s", name);
    } else {
        if (directory == AT_FDCWD) {
            if (!getcwd(parent, sizeof parent)) parent[0] = 0;
        } else {
            char link[64];
            snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
            ssize_t size = readlink(link, parent, sizeof parent - 1);
            parent[size < 0 ? 0 : size] = 0;
        }
        snprintf(joined, sizeof joined, "%s/%s", parent, name);
    }
    size_t size = strlen(joined);
    while (size > 1 && joined[size - 1] == '/') joined[--size] = 0;
    char *slash = strrchr(joined, '/');
    const char *last = slash + 1;
    if (slash == joined) {
        snprintf(path, PATH_MAX, "/%s", last);
    } else {
        *slash = 0;
        if (!realpath(joined, parent)) snprintf(parent, sizeof parent, "%.*s", PATH_MAX - 1, joined);
        if (snprintf(path, PATH_MAX, "%s/%s", parent, last) >= PATH_MAX) path[0] = 0;
    }
    errno = saved;
    return is_below(path);
}

static int64_t inode_of(int descriptor) {
    struct stat status;
    return fstat(descriptor, &status) ? 0 : (int64_t)status.st_ino;
}

static int64_t size_of(int descriptor) {
    struct stat status;
    return fstat(descriptor, &status) ? 0 : (int64_t)status.st_size;
}

/* ----- the log ----------------------------------------------------------------------------- */

static void lock(void) {
    if (pthread_mutex_lock(&state->mutex) == EOWNERDEAD) pthread_mutex_consistent(&state->mutex);
}

static void unlock(void) {
    int saved = errno;
    pthread_mutex_unlock(&state->mutex);
    errno = saved;
}

/* Append an operation whose data is in `parts`, of which the first `size` bytes count. */
static void note_parts(enum kind kind, int flags, int64_t inode, int64_t offset, int64_t length,
                       const char *path, const char *other, const struct iovec *parts, int64_t size) {
    struct header header = {kind, flags, path ? strlen(path) : 0, other ? strlen(other) : 0,
                            state->sequence, getpid(), inode, offset, length, size};
    int64_t whole = sizeof header + header.path_size + header.other_size + size;
    whole = (whole + 7) & ~7;
    if (state->used + whole > state->capacity) {
        state->overflow = 1;
        return;
    }
    char *to = (char *)state + LOG_START + state->used;
    memcpy(to, &header, sizeof header);
    to += sizeof header;
    if (path) memcpy(to, path, header.path_size);
    to += header.path_size;
    if (other) memcpy(to, other, header.other_size);
    to += header.other_size;
    for (int64_t left = size; left > 0; parts++) {
        int64_t count = (int64_t)parts->iov_len < left ? (int64_t)parts->iov_len : left;
        memcpy(to, parts->iov_base, count);
        to += count;
        left -= count;
    }
    state->used += whole;
    state->sequence++;
}

static void note(enum kind kind, int flags, int64_t inode, int64_t offset, int64_t length,
                 const char *path, const char *other) {
    note_parts(kind, flags, inode, offset, length, path, other, NULL, 0);
}

/* ----- faults ------------------------------------------------------------------------------ */

/* Return the error that a call is to fail with, 0 for none, -1 for half of the bytes. */
static long fault_of(int group, const char *path) {
    if (!(fault_calls & group) || !fault_at) return 0;
    int is_main = getpid() == state->main_pid;
    if ((fault_role == 1 && !is_main) || (fault_role == 2 && is_main)) return 0;
    int64_t number = ++state->seen;
    if (number < fault_at || (fault_times && number >= fault_at + fault_times)) return 0;
    state->given++;
    note(FAULT, 0, 0, number, fault_error, path, NULL);
    return fault_error;
}

/* Return how many of `wanted` bytes at `offset` the disk has room for. */
static int64_t room_for(int descriptor, int64_t offset, int64_t wanted) {
    if (state->quota < 0) return wanted;
    int64_t growth = offset + wanted - size_of(descriptor);
    int64_t missing = growth - (state->quota - state->quota_used);
    if (growth <= 0 || missing <= 0) return wanted;
    return missing < wanted ? wanted - missing : 0;
}

static void count_size(int64_t before, int64_t after) { state->quota_used += after - before; }

static int fail(long error) {
    errno = error;
    return -1;
}

/* ----- writing ----------------------------------------------------------------------------- */

static int64_t total(const struct iovec *parts, int count) {
    int64_t size = 0;
    for (int each = 0; each < count; each++) size += parts[each].iov_len;
    return size;
}

/* Write the first `size` bytes of parts; `offset` -1 is the position of the descriptor. */
static ssize_t put(int descriptor, const struct iovec *parts, int count, off_t offset, int64_t size,
                   int flags) {
    if (size == total(parts, count)) {
        if (offset < 0) return real_writev(descriptor, parts, count);
        return flags ? real_pwritev2(descriptor, parts, count, offset, flags)
                     : real_pwritev(descriptor, parts, count, offset);
    }
    char *joined = malloc(size + 1), *to = joined;
    for (int64_t left = size; left > 0; parts++) {
        int64_t some = (int64_t)parts->iov_len < left ? (int64_t)parts->iov_len : left;
        memcpy(to, parts->iov_base, some);
        to += some;
        left -= some;
    }
    ssize_t done = offset < 0 ? real_write(descriptor, joined, size)
                              : real_pwrite(descriptor, joined, size, offset);
    free(joined);
    return done;
}

static ssize_t write_parts(int descriptor, const struct iovec *parts, int count, off_t offset,
                           int flags, const char *path) {
    lock();
    int64_t size = total(parts, count), wanted = size;
    long error = fault_of(G_WRITE, path);
    if (error > 0) {
        unlock();
        return fail(error);
    }
    if (error < 0) wanted = size - size / 2;
    off_t start = offset;
    if (offset < 0) {
        start = fcntl(descriptor, F_GETFL) & O_APPEND ? size_of(descriptor)
                                                      : lseek(descriptor, 0, SEEK_CUR);
    }
    wanted = room_for(descriptor, start, wanted);
    if (size && !wanted) {
        unlock();
        return fail(ENOSPC);
    }
    int64_t before = size_of(descriptor);
    ssize_t done = put(descriptor, parts, count, offset, wanted, flags);
    if (done > 0) {
        note_parts(WRITE, 0, inode_of(descriptor), start, done, path, NULL, parts, done);
        count_size(before, size_of(descriptor));
    }
    unlock();
    return done;
}

EXPORT ssize_t write(int descriptor, const void *data, size_t size) {
    begin();
    char path[PATH_MAX];
    if (!descriptor_path(descriptor, path)) return real_write(descriptor, data, size);
    struct iovec part = {(void *)data, size};
    return write_parts(descriptor, &part, 1, -1, 0, path);
}

EXPORT ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    begin();
    char path[PATH_MAX];
    if (!descriptor_path(descriptor, path)) return real_writev(descriptor, parts, count);
    return write_parts(descriptor, parts, count, -1, 0, path);
}

EXPORT ssize_t pwrite(int descriptor, const void *data, size_t size, off_t offset) {
    begin();
    char path[PATH_MAX];
    if (!descriptor_path(descriptor, path)) return real_pwrite(descriptor, data, size, offset);
    struct iovec part = {(void *)data, size};
    return write_parts(descriptor, &part, 1, offset, 0, path);
}

EXPORT ssize_t pwritev2(int descriptor, const struct iovec *parts, int count, off_t offset,
                        int flags) {
    begin();
    char path[PATH_MAX];
    if (!descriptor_path(descriptor, path))
        return real_pwritev2(descriptor, parts, count, offset, flags);
    return write_parts(descriptor, parts, count, offset, flags, path);
}

EXPORT ssize_t pwritev(int descriptor, const struct iovec *parts, int count, off_t offset) {
    begin();
    char path[PATH_MAX];
    if (!descriptor_path(descriptor, path)) return real_pwritev(descriptor, parts, count, offset);
    return write_parts(descriptor, parts, count, offset, 0, path);
}

EXPORT ssize_t pwrite64(int, const void *, size_t, off_t) __attribute__((alias("pwrite")));
EXPORT ssize_t pwritev64(int, const struct iovec *, int, off_t) __attribute__((alias("pwritev")));
EXPORT ssize_t pwritev64v2(int, const struct iovec *, int, off_t, int)
    __attribute__((alias("pwritev2")));

/* Copies within the system become a read and a write. */
static ssize_t copy(int from, off_t *from_offset, int to, off_t *to_offset, size_t size,
                    const char *path) {
    size_t most = size < (1 << 20) ? size : 1 << 20;
    char *buffer = malloc(most + 1);
    ssize_t count = from_offset ? pread(from, buffer, most, *from_offset) : read(from, buffer, most);
    if (count > 0) {
        ssize_t had = count;
        struct iovec part = {buffer, count};
        count = write_parts(to, &part, 1, to_offset ? *to_offset : -1, 0, path);
        ssize_t done = count < 0 ? 0 : count;
        if (from_offset) *from_offset += done;
        else if (done < had) lseek(from, done - had, SEEK_CUR);
        if (to_offset) *to_offset += done;
    }
    free(buffer);
    return count;
}

EXPORT ssize_t sendfile(int to, int from, off_t *offset, size_t size) {
    begin();
    char path[PATH_MAX];
    if (!descriptor_path(to, path)) return real_sendfile(to, from, offset, size);
    return copy(from, offset, to, NULL, size, path);
}
EXPORT ssize_t sendfile64(int, int, off_t *, size_t) __attribute__((alias("sendfile")));

EXPORT ssize_t copy_file_range(int from, off_t *from_offset, int to, off_t *to_offset, size_t size,
                               unsigned flags) {
    begin();
    char path[PATH_MAX];
    if (!descriptor_path(to, path))
        return real_copy_file_range(from, from_offset, to, to_offset, size, flags);
    return copy(from, from_offset, to, to_offset, size, path);
}

/* ----- lengths ----------------------------------------------------------------------------- */

EXPORT int ftruncate(int descriptor, off_t size) {
    begin();
    char path[PATH_MAX];
    if (!descriptor_path(descriptor, path)) return real_ftruncate(descriptor, size);
    lock();
    long error = fault_of(G_TRUNCATE, path);
    int result = error > 0 ? fail(error) : 0;
    if (!result) {
        int64_t before = size_of(descriptor);
        result = real_ftruncate(descriptor, size);
        if (!result) {
            note(TRUNCATE, 0, inode_of(descriptor), 0, size, path, NULL);
            count_size(before, size);
        }
    }
    unlock();
    return result;
}
EXPORT int ftruncate64(int, off_t) __attribute__((alias("ftruncate")));

EXPORT int truncate(const char *name, off_t size) {
    begin();
    char path[PATH_MAX];
    if (!full_path(AT_FDCWD, name, path)) return real_truncate(name, size);
    int descriptor = real_open(name, O_WRONLY | O_CLOEXEC);
    if (descriptor < 0) return -1;
    int result = ftruncate(descriptor, size);
    int saved = errno;
    close(descriptor);
    errno = saved;
    return result;
}
EXPORT int truncate64(const char *, off_t) __attribute__((alias("truncate")));

static int allocate(int descriptor, int mode, off_t offset, off_t size, const char *path) {
    lock();
    long error = fault_of(G_ALLOCATE, path);
    int64_t before = size_of(descriptor);
    if (error <= 0 && !mode && room_for(descriptor, offset, size) < size) error = ENOSPC;
    int result = error > 0 ? fail(error) : real_fallocate(descriptor, mode, offset, size);
    if (!result) {
        int64_t after = size_of(descriptor);
        note(ALLOCATE, 0, inode_of(descriptor), offset, after, path, NULL);
        count_size(before, after);
    }
    unlock();
    return result;
}

EXPORT int fallocate(int descriptor, int mode, off_t offset, off_t size) {
    begin();
    char path[PATH_MAX];
    if (!descriptor_path(descriptor, path)) return real_fallocate(descriptor, mode, offset, size);
    return allocate(descriptor, mode, offset, size, path);
}
EXPORT int fallocate64(int, int, off_t, off_t) __attribute__((alias("fallocate")));

EXPORT int posix_fallocate(int descriptor, off_t offset, off_t size) {
    begin();
    char path[PATH_MAX];
    if (!descriptor_path(descriptor, path)) return real_posix_fallocate(descriptor, offset, size);
    return allocate(descriptor, 0, offset, size, path) ? errno : 0;
}
EXPORT int posix_fallocate64(int, off_t, off_t) __attribute__((alias("posix_fallocate")));

/* ----- to the disk ------------------------------------------------------------------------- */

static int synced(int descriptor, int (*call)(int), int flags) {
    begin();
    char path[PATH_MAX];
    if (!descriptor_path(descriptor, path)) return call(descriptor);
    lock();
    struct stat status;
    fstat(descriptor, &status);
    if (S_ISDIR(status.st_mode)) flags |= FOLDER;
    long error = fault_of(G_SYNC, path);
    /* The disk of the test need not wait: what is lost is decided afterwards. */
    int result = error > 0 ? fail(error) : 0;
    note(SYNC, flags | (result ? FAILED : 0), status.st_ino, 0, 0, path, NULL);
    unlock();
    return result;
}

EXPORT int fsync(int descriptor) { begin(); return synced(descriptor, real_fsync, 0); }
EXPORT int fdatasync(int descriptor) { begin(); return synced(descriptor, real_fdatasync, 0); }
EXPORT int syncfs(int descriptor) { begin(); return synced(descriptor, real_syncfs, EVERYTHING); }
EXPORT void sync(void) {
    begin();
    if (!state) {
        real_sync();
        return;
    }
    lock();
    note(SYNC, EVERYTHING, 0, 0, 0, folder, NULL);
    unlock();
}

/* ----- names ------------------------------------------------------------------------------- */

static int open_any(int directory, const char *name, int flags, mode_t mode) {
    int is_nameless = (flags & O_TMPFILE) == O_TMPFILE;
    int changes = flags & (O_CREAT | O_TRUNC) || is_nameless;
    int is_written = (flags & O_ACCMODE) != O_RDONLY;
    char path[PATH_MAX];
    if (!(changes || (is_written && fault_calls & G_OPEN)) || !full_path(directory, name, path))
        return real_openat(directory, name, flags, mode);
    lock();
    long error = fault_of(G_OPEN, path);
    struct stat status;
    int existed = !is_nameless && !fstatat(directory, name, &status, 0);
    int descriptor = error > 0 ? fail(error) : real_openat(directory, name, flags, mode);
    if (descriptor >= 0) {
        int64_t inode = inode_of(descriptor);
        if (is_nameless) {
            note(CREATE, NAMELESS, inode, 0, 0, path, NULL);
        } else if (!existed) {
            note(CREATE, 0, inode, 0, 0, path, NULL);
        } else if (flags & O_TRUNC && is_written && S_ISREG(status.st_mode) && status.st_size) {
            note(TRUNCATE, 0, inode, 0, 0, path, NULL);
            count_size(status.st_size, 0);
        }
    }
    unlock();
    return descriptor;
}

#define MODE_OF(flags)                                                                         \
    mode_t mode = 0;                                                                           \
    if ((flags) & O_CREAT || ((flags) & O_TMPFILE) == O_TMPFILE) {                             \
        va_list rest;                                                                          \
        va_start(rest, flags);                                                                 \
        mode = va_arg(rest, mode_t);                                                           \
        va_end(rest);                                                                          \
    }

EXPORT int open(const char *name, int flags, ...) {
    MODE_OF(flags)
    begin();
    return open_any(AT_FDCWD, name, flags, mode);
}

EXPORT int openat(int directory, const char *name, int flags, ...) {
    MODE_OF(flags)
    begin();
    return open_any(directory, name, flags, mode);
}

EXPORT int creat(const char *name, mode_t mode) {
    begin();
    return open_any(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

EXPORT int open64(const char *, int, ...) __attribute__((alias("open")));
EXPORT int openat64(int, const char *, int, ...) __attribute__((alias("openat")));
EXPORT int creat64(const char *, mode_t) __attribute__((alias("creat")));
EXPORT int __open_2(const char *name, int flags) { return open(name, flags); }
EXPORT int __open64_2(const char *name, int flags) { return open(name, flags); }
EXPORT int __openat_2(int at, const char *name, int flags) { return openat(at, name, flags); }
EXPORT int __openat64_2(int at, const char *name, int flags) { return openat(at, name, flags); }

EXPORT int linkat(int from, const char *name, int to, const char *other, int flags) {
    begin();
    char path[PATH_MAX];
    if (!full_path(to, other, path)) return real_linkat(from, name, to, other, flags);
    lock();
    long error = fault_of(G_LINK, path);
    int result = error > 0 ? fail(error) : real_linkat(from, name, to, other, flags);
    struct stat status;
    if (!result && !lstat(path, &status)) note(LINK, 0, status.st_ino, 0, 0, path, NULL);
    unlock();
    return result;
}

EXPORT int link(const char *name, const char *other) {
    return linkat(AT_FDCWD, name, AT_FDCWD, other, 0);
}

EXPORT int renameat2(int from, const char *name, int to, const char *other, unsigned flags) {
    begin();
    char path[PATH_MAX], target[PATH_MAX];
    int here = full_path(from, name, path), there = full_path(to, other, target);
    if (!here && !there) return real_renameat2(from, name, to, other, flags);
    lock();
    struct stat moved, replaced;
    int known = !fstatat(from, name, &moved, AT_SYMLINK_NOFOLLOW);
    int replaces = !fstatat(to, other, &replaced, AT_SYMLINK_NOFOLLOW);
    long error = fault_of(G_RENAME, path);
    int result = error > 0 ? fail(error) : real_renameat2(from, name, to, other, flags);
    if (!result && known) {
        note(RENAME, S_ISDIR(moved.st_mode) ? FOLDER : 0, moved.st_ino, 0, 0, path, target);
        if (replaces && S_ISREG(replaced.st_mode) && replaced.st_nlink == 1)
            count_size(replaced.st_size, 0);
    }
    unlock();
    return result;
}

EXPORT int renameat(int from, const char *name, int to, const char *other) {
    return renameat2(from, name, to, other, 0);
}
EXPORT int rename(const char *name, const char *other) {
    return renameat2(AT_FDCWD, name, AT_FDCWD, other, 0);
}

EXPORT int unlinkat(int directory, const char *name, int flags) {
    begin();
    char path[PATH_MAX];
    if (!full_path(directory, name, path)) return real_unlinkat(directory, name, flags);
    lock();
    struct stat status;
    int known = !fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW);
    long error = fault_of(G_UNLINK, path);
    int result = error > 0 ? fail(error) : real_unlinkat(directory, name, flags);
    if (!result && known) {
        note(UNLINK, flags & AT_REMOVEDIR ? FOLDER : 0, status.st_ino, 0, 0, path, NULL);
        if (S_ISREG(status.st_mode) && status.st_nlink == 1) count_size(status.st_size, 0);
    }
    unlock();
    return result;
}

EXPORT int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }
EXPORT int rmdir(const char *name) { return unlinkat(AT_FDCWD, name, AT_REMOVEDIR); }
EXPORT int remove(const char *name) {
    struct stat status;
    if (lstat(name, &status)) return -1;
    return unlinkat(AT_FDCWD, name, S_ISDIR(status.st_mode) ? AT_REMOVEDIR : 0);
}

EXPORT int mkdirat(int directory, const char *name, mode_t mode) {
    begin();
    char path[PATH_MAX];
    if (!full_path(directory, name, path)) return real_mkdirat(directory, name, mode);
    lock();
    long error = fault_of(G_MKDIR, path);
    int result = error > 0 ? fail(error) : real_mkdirat(directory, name, mode);
    struct stat status;
    if (!result && !lstat(path, &status)) note(CREATE, FOLDER, status.st_ino, 0, 0, path, NULL);
    unlock();
    return result;
}

EXPORT int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }

/* ----- how full the disk is ---------------------------------------------------------------- */

static void tell_quota(struct statvfs *told) {
    int64_t left = state->quota - state->quota_used;
    told->f_frsize = told->f_bsize = BLOCK;
    told->f_blocks = state->quota / BLOCK;
    told->f_bfree = told->f_bavail = left < 0 ? 0 : left / BLOCK;
}

EXPORT int statvfs(const char *name, struct statvfs *told) {
    begin();
    int result = real_statvfs(name, told);
    char path[PATH_MAX];
    if (!result && state && state->quota >= 0 && full_path(AT_FDCWD, name, path)) tell_quota(told);
    return result;
}

EXPORT int fstatvfs(int descriptor, struct statvfs *told) {
    begin();
    int result = real_fstatvfs(descriptor, told);
    char path[PATH_MAX];
    if (!result && state && state->quota >= 0 && descriptor_path(descriptor, path)) tell_quota(told);
    return result;
}
EXPORT int statvfs64(const char *name, struct statvfs64 *told) {
    return statvfs(name, (struct statvfs *)told); /* the same on 64 bits */
}
EXPORT int fstatvfs64(int descriptor, struct statvfs64 *told) {
    return fstatvfs(descriptor, (struct statvfs *)told);
}

/* ----- for the program itself -------------------------------------------------------------- */

/* Note a text between the operations: what the program has told its user so far. */
EXPORT void shim_mark(const char *text) {
    begin();
    if (!state) return;
    lock();
    note(MARK, 0, 0, 0, 0, text, NULL);
    unlock();
}

/* test_fetch.c - every source of a data set, with stand-ins for curl, apt-get, dpkg-deb and npm on a private PATH. */
#include <dirent.h>
#include <unistd.h>

#include "app/fetch.h"
#include "app/process.h"
#include "base/digest.h"
#include "data/formats_internal.h"
#include "harness.h"
#include "support/data_files.h"

static char folder[] = "/tmp/mho-fetch-XXXXXX";
static char old_path[4096];
static MhoError error;
static char said[16384]; /* everything logged */

/* A set of two files, one in each half. */
static Buffer content[2];
static char digest[2][65];
static const MhoDataFile files[] = {{"train-x", digest[0], MHO_SPLIT_TRAIN}, {"test-x", digest[1], MHO_SPLIT_TEST}};
static const MhoDatasetDescriptor full = {
    .descriptor = {.name = "tiny", .summary = "test", .reference = "none"},
    .files = files,
    .n_files = 2,
    .address = "http://data.example/tiny/",
    .debian_package = "dataset-tiny",
    .npm_package = "tiny@1.0.0",
};

/* Serves $SERVED/<last part of the address>; the address is the last argument, the file name follows -o. */
static const char fake_curl[] = "#!/bin/sh\n"
                                "while [ $# -gt 1 ]; do [ \"$1\" = -o ] && out=$2; shift; done\n"
                                "[ -f \"$SERVED/${1##*/}\" ] && exec /bin/cp \"$SERVED/${1##*/}\" \"$out\"\n"
                                "echo \"curl: (22) The requested URL returned error: 404\" >&2; exit 22\n";
static const char fake_apt[] =
    "#!/bin/sh\n"
    "[ \"$1 $2\" = \"download dataset-tiny\" ] && [ -f \"$SERVED/tiny.deb\" ] &&"
    " exec /bin/cp \"$SERVED/tiny.deb\" dataset-tiny_1_all.deb\n"
    "echo 'W: nothing'; echo 'E: Unable to locate package dataset-tiny'; echo 'more'; exit 100\n";
static const char fake_dpkg[] = "#!/bin/sh\n[ \"$1\" = -x ] && cd \"$3\" && exec tar -x -f \"$2\"\n";
static const char fake_npm[] = "#!/bin/sh\n"
                               "[ \"$1 $2\" = \"pack tiny@1.0.0\" ] && [ -f \"$SERVED/tiny.tgz\" ] &&"
                               " exec /bin/cp \"$SERVED/tiny.tgz\" tiny-1.0.0.tgz\n"
                               "echo 'npm error code E404' >&2; exit 1\n";

static void remember(void *context, MhoLogLevel level, const char *text)
{
    (void)context, (void)level;
    size_t used = strlen(said);
    snprintf(said + used, sizeof said - used, "%s\n", text);
}

static const MhoLog logger = {remember, NULL};

static void add_program(const char *name, const char *script)
{
    char path[64];
    snprintf(path, sizeof path, "bin/%s", name);
    write_bytes(in(folder, path), script, strlen(script));
    ck_assert_int_eq(chmod(in(folder, path), 0755), 0);
}

static void set_up(void)
{
    memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    static const char *const below[] = {"bin", "served", "data", "mine"};
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(mkdir(in(folder, below[i]), 0700), 0);
    ck_assert_int_eq(symlink(access("/usr/bin/tar", X_OK) == 0 ? "/usr/bin/tar" : "/bin/tar", in(folder, "bin/tar")),
                     0);
    snprintf(old_path, sizeof old_path, "%s", getenv("PATH"));
    setenv("PATH", in(folder, "bin"), 1);
    setenv("SERVED", in(folder, "served"), 1);
    for (uint32_t i = 0; i < 2; i++) {
        make_idx(&content[i], 1, (uint32_t[]){100 + i}, 3 + i, 200);
        mho_sha256(content[i].data, content[i].n, digest[i]);
    }
    said[0] = '\0';
}

static void tear_down(void)
{
    setenv("PATH", old_path, 1);
    remove_tree(folder);
}

TEST_FIXTURE(set_up, tear_down);

static MhoStatus fetch(const MhoDatasetDescriptor *set, const char *from)
{
    return mho_dataset_fetch(set, in(folder, "data"), from, &logger, &error);
}

/* An archive of both files (or the first n) at served/NAME, below a folder as packages have it. */
static void serve_archive(const char *name, size_t n)
{
    char place[64];
    ck_assert_int_eq(mkdir(in(folder, "package"), 0700), 0);
    ck_assert_int_eq(mkdir(in(folder, "package/data"), 0700), 0);
    for (size_t i = 0; i < n; i++) {
        snprintf(place, sizeof place, "package/data/%s", files[i].name);
        write_bytes(in(folder, place), content[i].data, content[i].n);
    }
    snprintf(place, sizeof place, "served/%s", name);
    const char *const tar[] = {"tar", "-c", "-f", place, "package", NULL};
    ck_assert_int_eq(mho_process_run(folder, tar, &error), MHO_OK);
    remove_tree(in(folder, "package"));
}

static size_t count_entries(const char *path)
{
    DIR *listing = opendir(path);
    size_t n = 0;
    if (!listing)
        return 0;
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;)
        n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(listing);
    return n;
}

/* Exactly n files under their names, right in content, and no temporary folder left. */
static void check_installed(size_t n)
{
    size_t found = 0;
    for (size_t i = 0; i < 2; i++) {
        char path[MHO_PATH_MAX];
        if (!mho_data_file_path(in(folder, "data/tiny"), files[i].name, path))
            continue;
        ck_assert_int_eq(mho_data_file_verify(&files[i], path, &error), MHO_OK);
        found++;
    }
    ck_assert_uint_eq(found, n);
    ck_assert_uint_eq(count_entries(in(folder, "data/tiny")), n);
}

static void expect_said(const char *text, bool expected)
{
    ck_assert_msg((strstr(said, text) != NULL) == expected, "%s '%s' in: %s", expected ? "no" : "unexpected", text,
                  said);
}

/* The user's folder is searched to its depths, its files stay, and a complete set is not fetched again. */
TEST(test_from_folder)
{
    write_gz(in(folder, "mine/train-x.gz"), content[0].data, content[0].n);
    ck_assert_int_eq(mkdir(in(folder, "mine/deep er; $(exit)"), 0700), 0);
    write_bytes(in(folder, "mine/deep er; $(exit)/test-x"), content[1].data, content[1].n);
    ck_assert_int_eq(fetch(&full, in(folder, "mine")), MHO_OK);
    check_installed(2);
    ck_assert_int_eq(access(in(folder, "mine/train-x.gz"), R_OK), 0); /* the user's files stay */
    ck_assert_int_eq(access(in(folder, "data/tiny/train-x.gz"), R_OK), 0);
    expect_said("train-x.gz: from your own /tmp/mho-fetch-", true);
    said[0] = '\0';
    ck_assert_int_eq(fetch(&full, NULL), MHO_OK); /* complete: nothing is tried again */
    expect_said("complete", true);
}

/* Single files of the user are taken one by one, also by relative paths, until the set is complete. */
TEST(test_from_single_files_and_relative_path)
{
    write_bytes(in(folder, "mine/train-x"), content[0].data, content[0].n);
    write_bytes(in(folder, "mine/test-x"), content[1].data, content[1].n);
    ck_assert_int_eq(chdir(folder), 0);
    ck_assert_int_eq(fetch(&full, "mine/train-x"), MHO_FAILED);
    ck_assert_ptr_nonnull(strstr(error.text, "lacks test-x"));
    check_installed(1);
    ck_assert_int_eq(mho_dataset_fetch(&full, "data", "mine/test-x", NULL, &error), MHO_OK);
    check_installed(2);
    ck_assert_int_eq(chdir("/"), 0);
}

/* A tar archive and a .deb of the user are unpacked. */
TEST(test_from_archives)
{
    serve_archive("mine.tar", 2);
    ck_assert_int_eq(fetch(&full, in(folder, "served/mine.tar")), MHO_OK);
    check_installed(2);
    remove_tree(in(folder, "data/tiny"));
    add_program("dpkg-deb", fake_dpkg);
    ck_assert_int_eq(rename(in(folder, "served/mine.tar"), in(folder, "served/mine.deb")), 0);
    ck_assert_int_eq(fetch(&full, in(folder, "served/mine.deb")), MHO_OK);
    check_installed(2);
}

/* An archive with a file of gigabytes under a wanted name fills no disk. */
TEST(test_bomb_in_an_archive)
{
    ck_assert_int_eq(mkdir(in(folder, "package"), 0700), 0);
    write_bytes(in(folder, "package/train-x"), "x", 1);
    ck_assert_int_eq(truncate(in(folder, "package/train-x"), (off_t)3 << 30), 0);
    const char *const tar[] = {"tar", "-c", "-S", "-f", "served/bomb.tar", "package", NULL};
    ck_assert_int_eq(mho_process_run(folder, tar, &error), MHO_OK);
    ck_assert_int_eq(fetch(&full, in(folder, "served/bomb.tar")), MHO_FAILED);
    ck_assert_ptr_nonnull(strstr(error.text, "- your own file: "));
    check_installed(0);
}

/* curl downloads the files of an official address that is a folder. */
TEST(test_address_of_files)
{
    add_program("curl", fake_curl);
    write_gz(in(folder, "served/train-x.gz"), content[0].data, content[0].n);
    write_gz(in(folder, "served/test-x.gz"), content[1].data, content[1].n);
    ck_assert_int_eq(fetch(&full, NULL), MHO_OK);
    check_installed(2);
    expect_said("downloading http://data.example/tiny/train-x.gz", true);
    expect_said("test-x.gz: from curl http://data.example/tiny/, SHA-256 verified", true);
}

/* curl downloads and tar unpacks an official address that is an archive. */
TEST(test_address_of_archive)
{
    MhoDatasetDescriptor set = full;
    set.address = "https://data.example/~x/tiny-binary.tar.gz";
    add_program("curl", fake_curl);
    serve_archive("tiny-binary.tar.gz", 2);
    ck_assert_int_eq(fetch(&set, NULL), MHO_OK);
    check_installed(2);
}

/* When curl fails the Debian package is downloaded and unpacked, the reason is logged, and npm is not tried. */
TEST(test_debian_package)
{
    add_program("curl", fake_curl); /* serves nothing */
    add_program("apt-get", fake_apt);
    add_program("dpkg-deb", fake_dpkg);
    add_program("npm", fake_npm);
    serve_archive("tiny.deb", 2);
    ck_assert_int_eq(fetch(&full, NULL), MHO_OK);
    check_installed(2);
    expect_said("curl: curl: (22) The requested URL returned error: 404 (exit code 22)", true);
    expect_said("npm", false);
    expect_said("train-x: from apt-get download dataset-tiny, SHA-256 verified", true);
}

/* Files of a source that failed half-way are kept, and the npm package brings the others. */
TEST(test_npm_package_completes_what_curl_began)
{
    add_program("curl", fake_curl);
    add_program("apt-get", fake_apt);
    add_program("dpkg-deb", fake_dpkg);
    add_program("npm", fake_npm);
    write_gz(in(folder, "served/train-x.gz"), content[0].data, content[0].n);
    serve_archive("tiny.tgz", 2);
    ck_assert_int_eq(fetch(&full, NULL), MHO_OK);
    check_installed(2);
    ck_assert_int_eq(access(in(folder, "data/tiny/train-x.gz"), R_OK), 0); /* curl's */
    ck_assert_int_eq(access(in(folder, "data/tiny/test-x"), R_OK), 0);     /* npm's */
    expect_said("E: Unable to locate package dataset-tiny", true);
    expect_said("train-x.gz: from curl http://data.example/tiny/, SHA-256 verified", true);
    expect_said("test-x: from npm pack tiny@1.0.0, SHA-256 verified", true);
}

/* A file with the wrong SHA-256 is not installed, and the error says so. */
TEST(test_wrong_digest_gets_no_name)
{
    Buffer wrong = content[0];
    wrong.data[50] ^= 1;
    add_program("curl", fake_curl);
    write_gz(in(folder, "served/train-x.gz"), wrong.data, wrong.n);
    write_bytes(in(folder, "served/test-x.gz"), "\x1f\x8b junk", 7);
    ck_assert_int_eq(fetch(&full, in(folder, "served")), MHO_FAILED);
    check_installed(0);
    ck_assert_int_ne(access(in(folder, "data/tiny"), F_OK), 0);
    ck_assert_ptr_nonnull(strstr(error.text, "SHA-256"));
}

/* A damaged file of the set is replaced, with a warning, and the good one is left alone. */
TEST(test_damaged_file_is_replaced)
{
    ck_assert_int_eq(mkdir(in(folder, "data/tiny"), 0700), 0);
    write_bytes(in(folder, "data/tiny/train-x"), "damaged", 7);
    write_bytes(in(folder, "data/tiny/test-x"), content[1].data, content[1].n);
    add_program("curl", fake_curl);
    write_gz(in(folder, "served/train-x.gz"), content[0].data, content[0].n);
    ck_assert_int_eq(fetch(&full, NULL), MHO_OK);
    check_installed(2);
    expect_said("it will be replaced", true);
    expect_said("downloading http://data.example/tiny/test-x.gz", false);
}

/* A symbolic link in place of a file is not followed. */
TEST(test_links_in_an_archive_are_not_followed)
{
    write_bytes(in(folder, "secret"), content[0].data, content[0].n);
    ck_assert_int_eq(symlink(in(folder, "secret"), in(folder, "mine/train-x")), 0);
    ck_assert_int_eq(fetch(&full, in(folder, "mine")), MHO_FAILED);
    check_installed(0);
}

static void expect_in_error(const char *const *parts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(strstr(error.text, parts[i]) != NULL, "no '%s' in: %s", parts[i], error.text);
}

/* When no source provides the set the error lists the reason and the remedy of each, and files stay away. */
TEST(test_failure_lists_every_remedy)
{
    static const char *const reasons[] = {"- your own file: no --from given",
                                          "mho data fetch tiny --from",
                                          "- curl: curl is not on PATH",
                                          "http://data.example/tiny/",
                                          "- apt-get download: apt-get is not on PATH",
                                          "apt-get install dataset-tiny",
                                          "- npm pack: npm is not on PATH",
                                          "npm pack tiny@1.0.0"};
    ck_assert_int_eq(fetch(&full, NULL), MHO_FAILED);
    expect_in_error(reasons, sizeof reasons / sizeof *reasons);
    ck_assert_ptr_nonnull(strstr(error.text, "lacks train-x"));
    check_installed(0);

    static const char *const failing[] = {"(22) The requested URL returned error: 404", "E: Unable to locate package",
                                          "npm error code E404", "nor a folder, tar archive or .deb"};
    add_program("curl", fake_curl);
    add_program("apt-get", fake_apt);
    add_program("dpkg-deb", fake_dpkg);
    add_program("npm", fake_npm);
    write_bytes(in(folder, "mine/photo.jpg"), "x", 1);
    ck_assert_int_eq(fetch(&full, in(folder, "mine/photo.jpg")), MHO_FAILED);
    expect_in_error(failing, sizeof failing / sizeof *failing);
    check_installed(0);

    static const char *const unknown[] = {"no official address is known", "no Debian package", "no npm package"};
    MhoDatasetDescriptor set = full;
    set.address = set.debian_package = set.npm_package = NULL;
    ck_assert_int_eq(fetch(&set, in(folder, "nowhere")), MHO_FAILED);
    expect_in_error(unknown, sizeof unknown / sizeof *unknown);
    ck_assert_ptr_nonnull(strstr(error.text, "nowhere: No such file"));
}

/* The error of every registered set fits into the text of an error. */
TEST(test_message_of_registered_sets_is_whole)
{
    for (size_t i = 0; i < mho_dataset_registry.n; i++) {
        const MhoDatasetDescriptor *set = mho_dataset_find(mho_dataset_registry.descriptors[i]->name, &error);
        ck_assert_ptr_nonnull(set);
        ck_assert_int_eq(fetch(set, NULL), MHO_FAILED);
        ck_assert_uint_lt(strlen(error.text), MHO_ERROR_TEXT_MAX - 1);
        const char *last = strstr(error.text, "- npm pack: ");
        ck_assert_ptr_nonnull(last);
        if (set->npm_package)
            ck_assert_ptr_nonnull(strstr(last, ".tgz"));
    }
}

/* A destination that cannot be created is an IO error that names it. */
TEST(test_destination_cannot_be_made)
{
    write_bytes(in(folder, "file"), "x", 1);
    ck_assert_int_eq(mho_dataset_fetch(&full, in(folder, "file/data"), NULL, NULL, &error), MHO_IO);
    ck_assert_ptr_nonnull(strstr(error.text, in(folder, "file")));
}

/* Without --data the set goes to $MHO_DATA, else below the home folder. */
TEST(test_default_destination)
{
    write_bytes(in(folder, "mine/train-x"), content[0].data, content[0].n);
    write_bytes(in(folder, "mine/test-x"), content[1].data, content[1].n);
    setenv("HOME", folder, 1);
    unsetenv("MHO_DATA");
    ck_assert_int_eq(mho_dataset_fetch(&full, NULL, in(folder, "mine"), NULL, &error), MHO_OK);
    ck_assert_int_eq(access(in(folder, ".local/share/mho/tiny/test-x"), R_OK), 0);
    setenv("MHO_DATA", in(folder, "data"), 1);
    ck_assert_int_eq(mho_dataset_fetch(&full, NULL, in(folder, "mine"), NULL, &error), MHO_OK);
    check_installed(2);
    unsetenv("MHO_DATA");
}

/* A signal ends curl, and the temporary files are removed. The last test, because a stop request cannot be taken back.
 */
TEST(test_signal_stops_and_cleans)
{
    mho_stop_install();
    add_program("curl", "#!/bin/sh\nkill -TERM $PPID; exec /bin/sleep 600\n");
    ck_assert_int_eq(fetch(&full, NULL), MHO_STOPPED);
    check_installed(0);
    ck_assert_int_ne(access(in(folder, "data/tiny"), F_OK), 0);
}

/* store.h - records to HDF5 files and back. The only folder that includes hdf5.h; it does not know networks.
 *
 * Files are also valid netCDF-4: every array has dimension scales on all of its axes; an axis without a coordinate
 * array gets a dimension without variable. Number arrays of rank >= 1 above 4 KiB are chunked, shuffled, packed by gzip
 * 4 and checked by fletcher32. Strings have variable length: netCDF-C 4.9 reads wrong memory for arrays of strings of
 * one length, and crashes. Attributes are written by name and without an order of creation, so that other programs can
 * replace them. The line "mho-sha256 <64 hex>\n" after the HDF5 data is
 * the checksum of all bytes before it; other programs ignore it. Not thread-safe, as HDF5 is not: one call at a time in
 * a process.
 */
#ifndef MHO_STORE_STORE_H
#define MHO_STORE_STORE_H

#include <stdbool.h>

#include "base/record.h"

enum { MHO_FORMAT = 1 }; /* root attribute mho_format of every file */

/* Write record to path: to the temporary file `.NAME.PID.K.tmp` beside it, then fsync, rename, fsync of the folder. The
 * same record gives the same bytes. IO errors (disk full, read-only folder) name path and cause and leave no temporary
 * file. FAILED: an attribute name of the file format (units, long_name, _FillValue, mho_format ...), groups deeper than
 * 32 levels. */
MhoStatus mho_store_write(const char *path, const MhoRecord *record, MhoError *error) MHO_CHECKED;

/* The same, but never replace anything: IO "PATH: exists ..." when the name is taken, before the work and when another
 * process took it meanwhile. */
MhoStatus mho_store_create(const char *path, const MhoRecord *record, MhoError *error) MHO_CHECKED;

/* The same two for n bytes of text, which are the whole file. */
MhoStatus mho_store_write_text(const char *path, const char *text, size_t n, MhoError *error) MHO_CHECKED;
MhoStatus mho_store_create_text(const char *path, const char *text, size_t n, MhoError *error) MHO_CHECKED;

/* Read a whole file, which may be hostile: sizes are checked against the file's size and a limit before allocation; a
 * truncated or damaged file gives one INPUT line with path and place. A format newer than MHO_FORMAT is refused.
 * require_format: refuse a file without mho_format; false for data sets and models written by other programs. A file
 * without the checksum must store its variable-length strings contiguous, not in chunks. */
MhoStatus mho_store_read(const char *path, bool require_format, MhoRecord **record, MhoError *error) MHO_CHECKED;

/* The same. *is_signed: the file ends with mho's checksum line, which is right; a file that another program wrote or
 * edited does not. false after a failure. */
MhoStatus mho_store_read_signed(const char *path, bool require_format, bool *is_signed, MhoRecord **record,
                                MhoError *error) MHO_CHECKED;

/* "HDF5 1.10.8" */
const char *mho_store_library(void);

#endif

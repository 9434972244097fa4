/* store.h - records to HDF5 files and back. The only folder that includes hdf5.h; it knows no network.
 *
 * Files are also valid netCDF-4: every array has dimension scales on all of its axes; an axis without a coordinate
 * array gets a dimension without variable. Arrays of rank >= 1 above 4 KiB are chunked, shuffled, gzip 4 and fletcher32
 * checked. Behind the HDF5 data stands "mho-sha256 <64 hex>\n": the checksum of all bytes before it, which other
 * programs ignore. HDF5 knows no threads: one call at a time in a process.
 */
#ifndef MHO_STORE_STORE_H
#define MHO_STORE_STORE_H

#include "base/record.h"

enum { MHO_FORMAT = 1 }; /* root attribute mho_format of every file; a newer one is refused with one line */

/* Write record to path: temporary name `.NAME.PID.K.tmp` beside it, close, fsync, rename, fsync of the folder. The same
 * record gives the same bytes. IO errors (disk full, read-only folder) name path and cause and leave no temporary file.
 * FAILED: an attribute with a name of the file format (units, long_name, _FillValue, mho_format ...), groups deeper
 * than 32. */
MhoStatus mho_store_write(const char *path, const MhoRecord *record, MhoError *error) MHO_CHECKED;

/* Read a whole file. Hostile files are expected: sizes are checked against the file's size and a limit before
 * allocation; truncated, garbage or foreign files give one INPUT line with path and place. require_format: refuse files
 * without mho_format (false for data sets and models written by other programs; a newer format is refused always).
 * Files without the checksum behind the data must hold their variable-length strings contiguous, not in chunks. */
MhoStatus mho_store_read(const char *path, bool require_format, MhoRecord **record, MhoError *error) MHO_CHECKED;

/* "HDF5 1.10.8" */
const char *mho_store_library(void);

#endif

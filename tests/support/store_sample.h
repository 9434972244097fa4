/* store_sample.h - records for the tests of the store, and temporary folders. */
#ifndef MHO_TESTS_STORE_SAMPLE_H
#define MHO_TESTS_STORE_SAMPLE_H

#include "base/record.h"

/* Every type, ranks 0 to 8, strings, attributes, named, unnamed, shared and clashing axes, nested groups. The caller
 * destroys the record.
 */
MhoRecord *store_sample(void);

/* A small record shaped like a result file: axes point and chip with coordinates, units, a group with its own axes. */
MhoRecord *store_result(void);

/* Add an array or fail the test. */
MhoArray *store_add(MhoRecord *record, const char *name, MhoType type, size_t rank, const size_t *shape,
                    const char *const *axes, const char *unit, const void *data);

/* Make a folder in $TMPDIR or /tmp (its name is static text); remove it with everything in it. */
const char *store_folder(void);
void store_remove_folder(const char *folder);

/* "folder/name" in one of 8 static buffers. */
const char *store_path(const char *folder, const char *name);

/* Entries of a folder besides "." and ".."; -1 when it cannot be read. */
int store_count_files(const char *folder);

#endif

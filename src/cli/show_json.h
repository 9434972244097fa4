/* show_json.h - what `mho show --json` prints. */
#ifndef MHO_CLI_SHOW_JSON_H
#define MHO_CLI_SHOW_JSON_H

#include "base/record.h"

/* One object: attributes with their values, arrays with type, shape, axes, unit and help but without values, groups
 * inside; for a result also "points", one object per point with its swept values and its accuracy. */
void show_json(const char *path, const MhoRecord *record);

#endif

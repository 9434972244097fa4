/* study.h - a study: settings, the axes that are swept, and where it came from.
 *
 * Read from YAML and then from --set key=value on the command line, which wins. Under sweep: and in --set a key takes a
 * list ("[4, 6, 8]", "4,6,8"), a range ("4:8:2", first:last:step; last is a value when a step meets it), values even in
 * log ("log:1:1e6:7", first:last:count, both included) or, with sample.n, an interval to draw from ("0..2",
 * "log:1..1e6"). Several keys move together under one name, "a,b,c", by rows of values, "[[0, 0, 0], [0.2, 0.2, 1]]".
 * sweep: may be a list of grids; the points are those of all of them, and where a grid does not sweep a key, the value
 * of the file counts. A key that is swept everywhere leaves its value in the file without use.
 */
#ifndef MHO_STUDY_KEYS_STUDY_H
#define MHO_STUDY_KEYS_STUDY_H

#include "study/keys/settings.h"

/* At most MHO_MAX_AXES different keys are swept. */
enum { MHO_MAX_AXES = 8, MHO_MAX_STUDY_AXES = 64, MHO_MAX_AXIS_VALUES = 4096 };

typedef struct MhoAxis {
    char key[MHO_KEY_MAX];
    size_t n;
    char **values;    /* (n) text, each valid for its key */
    bool zipped;      /* moves together with the axis before it, which has as many values */
    bool drawn;       /* values are drawn between low and high; in a study n is 0 */
    bool logarithmic; /* and even in log */
    double low, high;
    size_t grid; /* number of its grid */
} MhoAxis;

/* Where a key was given last: "study.yaml:12" or "--set". */
typedef struct MhoOrigin {
    char key[MHO_KEY_MAX];
    char *where;
    bool swept; /* under sweep: or as a list; false: one value */
} MhoOrigin;

typedef struct MhoStudy {
    char path[4096]; /* of the YAML file; "" when there is none */
    MhoSettings *settings;
    MhoAxis axes[MHO_MAX_STUDY_AXES]; /* grid after grid */
    size_t n_axes, n_grids;
    bool has_train; /* the file has a train: section, so a missing model can be made */
    MhoOrigin *origins;
    size_t n_origins;
} MhoStudy;

/* path NULL: defaults only. Unknown, duplicate, misspelt, out-of-range and non-finite values are USAGE errors with
 * file, line, key and the nearest known key. */
MhoStatus mho_study_read(const char *path, MhoStudy *study, MhoError *error) MHO_CHECKED;

/* One "key=value" of the command line. */
MhoStatus mho_study_set(MhoStudy *study, const char *assignment, MhoError *error) MHO_CHECKED;
/* The same for a key and the text of its value or values; `where` (NULL: nothing) leads messages. */
MhoStatus mho_study_assign(MhoStudy *study, const char *key, const char *text, const char *where,
                           MhoError *error) MHO_CHECKED;
void mho_study_destroy(MhoStudy *study);

/* Add where the key was given to an error that starts with a key of this study ("chip.cell.name: unknown cell").
 * Returns the error's status. */
MhoStatus mho_study_fail_place(const MhoStudy *study, MhoError *error);

/* Whether a grid of the study sweeps key. */
bool mho_is_axis(const MhoStudy *study, const char *key);

/* Number of axes that move together from axis `first` on, which is not zipped itself: 1 for an axis that moves alone.
 */
size_t mho_axes_together(const MhoStudy *study, size_t first);

/* Text that identifies the study and makes it again: a line "key=value" for every value that is not the default, lists
 * for axes, after a line "sweep=N" for each of several grids; the caller frees it. NULL: out of memory. */
char *mho_study_text(const MhoStudy *study);
/* The same with every key, for people: other versions may have other defaults. */
char *mho_study_full_text(const MhoStudy *study);
MhoStatus mho_study_from_text(const char *text, const char *where, MhoStudy *study, MhoError *error) MHO_CHECKED;

/* The recipe's digest (64 hex digits) for settings: what a model file made by `train:` must carry. */
MhoStatus mho_recipe_digest(const MhoSettings *settings, char hex[65], MhoError *error) MHO_CHECKED;

/* Name of the model as the study gives it; {recipe} is filled in. */
MhoStatus mho_model_name(const MhoSettings *settings, char *name, size_t size, MhoError *error) MHO_CHECKED;

/* Where it is: below the current folder, else beside the study file; a new model is made below the current folder. */
MhoStatus mho_model_path(const MhoSettings *settings, char *path, size_t size, MhoError *error) MHO_CHECKED;

/* Where a family of models keeps its float net: of the same name with "float-" and 12 digits of `recipe` for {recipe}.
 * "" when the name has no {recipe}. */
MhoStatus mho_model_float_path(const MhoSettings *settings, const char *recipe, char *path, size_t size,
                               MhoError *error) MHO_CHECKED;

#endif

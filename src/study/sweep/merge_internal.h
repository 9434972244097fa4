/* merge_internal.h - what the parts of a merge share: the files it reads, what each says of its study, where each was
 * run. */
#ifndef MHO_STUDY_SWEEP_MERGE_INTERNAL_H
#define MHO_STUDY_SWEEP_MERGE_INTERNAL_H

#include "study/sweep/sweep.h"

typedef struct MhoMergeFile {
    char *path;
    bool is_found; /* in a folder, where files that are no shards are left out */
} MhoMergeFile;

typedef struct MhoMergeFiles {
    MhoMergeFile *list;
    size_t n;
} MhoMergeFiles;

/* Every file of paths; of a folder, those that end with .h5, in the order of their names. INPUT for a folder that
 * cannot be read or has none. */
MhoStatus mho_merge_files(const char *const *paths, size_t n, MhoMergeFiles *files, MhoError *error) MHO_CHECKED;
void mho_merge_files_clear(MhoMergeFiles *files);

/* What all shards of a study have in common. */
typedef struct MhoShardHead {
    char *path;
    char *study, *digest, *models, *data, *version; /* "": the file does not say */
    MhoPointInfo *points;                           /* (n_points) */
    size_t n_points;
} MhoShardHead;

MhoStatus mho_shard_head_read(const MhoRecord *shard, const char *path, MhoShardHead *head,
                              MhoError *error) MHO_CHECKED;
void mho_shard_head_clear(MhoShardHead *head);

/* INPUT, with both files and both values of what differs, when two shards cannot be of one result: version of mho,
 * data, models, keys of the study, points. Where one of the files does not say, nothing is compared. */
MhoStatus mho_shard_heads_agree(const MhoShardHead *first, const MhoShardHead *other, MhoError *error) MHO_CHECKED;

/* Where, when and by what each shard was run. */
typedef struct MhoShardRun {
    char *file, *part, *host, *commit, *version, *written;
    double seconds;
    bool is_edited;
} MhoShardRun;

typedef struct MhoShardRuns {
    MhoShardRun *list;
    size_t n;
} MhoShardRuns;

/* Add the run that made a shard; of a partial merge, all that it names. A run is there once, however many files tell of
 * it: part, host and time are the same. */
MhoStatus mho_shard_runs_add(MhoShardRuns *runs, const MhoRecord *shard, const char *path, bool is_edited,
                             MhoError *error) MHO_CHECKED;
/* As arrays over the axis "shard" in group provenance. */
MhoStatus mho_shard_runs_write(const MhoShardRuns *runs, MhoRecord *result, MhoError *error) MHO_CHECKED;
void mho_shard_runs_clear(MhoShardRuns *runs);

#endif

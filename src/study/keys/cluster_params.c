/* cluster_params.c - the keys cluster.*: what a cluster asks of its jobs. No trial depends on them, and they are in no
 * digest and in no payload: the same study may run anywhere.
 */
#include "study/keys/settings.h"

#define CLUSTER_TEXT(key, member, help, label)                                                \
    {                                                                                         \
        key, MHO_TEXT, offsetof(MhoClusterParams, member), 0, 0, 0, "", help, NULL, "", label \
    }

static const MhoParam cluster_params[] = {
    CLUSTER_TEXT("partition", partition, "partition of the jobs of `mho submit`; empty: the cluster's own choice",
                 "partition"),
    CLUSTER_TEXT("account", account, "account that the jobs are charged to; empty: the user's own", "account"),
    CLUSTER_TEXT("time", time,
                 "time limit of a job as Slurm writes it, 30 (min), 02:00:00 or 1-12; empty: the "
                 "partition's",
                 "time limit"),
    CLUSTER_TEXT("memory", memory, "memory of a job, 4G or 500M; empty: the partition's", "memory"),
    {"cpus", MHO_INT, offsetof(MhoClusterParams, cpus), 1, 1, 4096, "CPUs", "CPUs of a job, which are its threads",
     NULL, NULL, "processors of a job"},
    {"tasks", MHO_INT, offsetof(MhoClusterParams, tasks), 0, 0, MHO_MAX_ARRAY_TASKS, "tasks",
     "parts that the sweep is cut into; 0: as many as take about 20 min each, from the measured time of a trial", NULL,
     NULL, "parts of the sweep"},
};

const MhoDescriptor mho_cluster_descriptor = {
    .name = "cluster",
    .summary = "what the jobs of `mho submit` ask of a cluster",
    .reference = "sbatch(1), Slurm 22.05",
    MHO_PARAM_TABLE(MhoClusterParams, cluster_params),
};

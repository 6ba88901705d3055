#!/bin/bash
# Starts a Grid Engine of one host for the suite, in $CLUSTER_DIR; then `. $CLUSTER_DIR/env.sh`.
#
# It is Debian's, but neither its cell nor its services: everything lies in that folder, on ports of its
# own ($CLUSTER_PORT and the next), bound to this machine alone. It takes root, and Debian.
# $CLUSTER_REQUEST is what the site asks of every job; the least by default, as most real sites do.
set -euo pipefail
root=${CLUSTER_DIR:?where shall the cell be?}
port=${CLUSTER_PORT:-27444}
request=${CLUSTER_REQUEST-}
slots=${CLUSTER_SLOTS:-16}
programs=/usr/lib/gridengine
here=$(cd "$(dirname "$0")" && pwd)

install_packages() {
    local packages=(dma gridengine-master gridengine-exec gridengine-client gridengine-drmaa1.0) package
    command -v cc > /dev/null || packages+=(gcc libc6-dev)
    for package in "${packages[@]}"; do
        [[ $(dpkg-query -Wf '${db:Status-Status}' "$package" 2> /dev/null) == installed ]] && continue
        export DEBIAN_FRONTEND=noninteractive
        echo 'gridengine-common shared/gridengineconfig boolean false' | debconf-set-selections
        # No daemon of the packages' own is to start.
        local policy=/usr/sbin/policy-rc.d
        if [[ ! -e $policy ]]; then
            printf '#!/bin/sh\nexit 101\n' > $policy
            chmod 755 $policy
            trap 'rm -f /usr/sbin/policy-rc.d' EXIT
        fi
        apt-get -qq update
        apt-get -qq install -y --no-install-recommends "${packages[@]}" > "$root/packages.log" 2>&1 || {
            tail -n 20 "$root/packages.log" >&2
            return 1
        }
        return
    done
}

write_environment() {
    cat > "$root/env.sh" << END
export SGE_ROOT=$root SGE_CELL=default SGE_ARCH=lx-amd64
export SGE_QMASTER_PORT=$port SGE_EXECD_PORT=$((port + 1))
export DRMAA_LIBRARY_PATH=/usr/lib/gridengine-drmaa/lib/libdrmaa.so.1.0
export PATH=$programs:\$PATH
END
    # shellcheck source=/dev/null
    . "$root/env.sh"
}

# Daemons listen on all interfaces and have no option against it: this is put between.
build_loopback() {
    cat > "$root/loopback.c" << 'END'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netinet/in.h>
int bind(int fd, const struct sockaddr *address, socklen_t len) {
  int (*real)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "bind");
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  const struct sockaddr_in *asked = (const void *)address;
  if (address->sa_family != AF_INET || asked->sin_addr.s_addr != htonl(INADDR_ANY))
    return real(fd, address, len);
  here.sin_port = asked->sin_port;
  return real(fd, (const void *)&here, sizeof here);
}
END
    cc -shared -fPIC -o "$root/loopback.so" "$root/loopback.c" -ldl
}

# Writes the cell while nothing runs.
write_cell() {
    cd "$root"
    rm -rf bin lib utilbin util default spool tpl
    mkdir -p bin lib utilbin default/common spool/qmaster/job_scripts spool/execd spool/db tpl/host tpl/exec tpl/pe
    local folder
    for folder in bin lib utilbin; do ln -s $programs $folder/lx-amd64; done
    ln -s /usr/share/gridengine/util util
    # Whatever this machine calls itself, it is `localhost` here.
    local host
    host=$(hostname)
    getent hosts "$host" > /dev/null || echo "127.0.0.1 $host" >> /etc/hosts
    echo "localhost $host" > default/common/host_aliases
    echo localhost > default/common/act_qmaster
    echo "$request" > default/common/sge_request
    sed -e 's/^admin_user .*/admin_user none/' -e 's/^ignore_fqdn .*/ignore_fqdn true/' \
        -e "s|^binary_path .*|binary_path $programs|" -e "s|/var/spool/gridengine|$root/spool|" -e 's|spooldb|db|' \
        /usr/share/gridengine/default-bootstrap > default/common/bootstrap
    # Root may run jobs; what a job leaves is found by a group of this cell's own; nothing of this shell's
    # environment gets into jobs.
    sed -e "s|^execd_spool_dir .*|execd_spool_dir $root/spool/execd|" -e 's/^\(min_.id\) .*/\1 0/' \
        -e 's|^mailer .*|mailer /bin/true|' -e 's/^login_shells .*/login_shells none/' \
        -e 's/^execd_params .*/execd_params INHERIT_ENV=false/' \
        -e 's/^load_report_time .*/load_report_time 00:00:05/' \
        -e "s/^gid_range .*/gid_range $((port * 10))-$((port * 10 + 999))/" \
        -e 's/flush_time=00:00:15/& accounting_flush_time=00:00:00/' \
        /usr/share/gridengine/default-configuration > tpl/global
    echo 'hostname localhost' | tee tpl/host/localhost > tpl/exec/localhost
    local field
    for field in load_scaling complex_values user_lists xuser_lists projects xprojects usage_scaling report_variables; do
        echo "$field NONE" >> tpl/exec/localhost
    done
    cp util/resources/pe/smp tpl/pe/smp
    spool() { LD_LIBRARY_PATH=$programs $programs/spooldefaults.bin "$@" >> tpl/log; }
    LD_LIBRARY_PATH=$programs $programs/spoolinit berkeleydb libspoolb spool/db init
    spool configuration tpl/global
    spool complexes util/resources/centry
    spool usersets util/resources/usersets
    spool managers root
    spool adminhosts tpl/host
    spool submithosts tpl/host
    spool exechosts tpl/exec
    spool pes tpl/pe
}

start_daemons() {
    LD_PRELOAD=$root/loopback.so sge_qmaster
    local try
    for ((try = 0; try < 200; try++)); do
        (: < "/dev/tcp/127.0.0.1/$port") 2> /dev/null && break
        sleep 0.05
    done
    # Jobs start and end at once, however busy the machine.
    qconf -ssconf | sed -e 's/^schedule_interval .*/schedule_interval 0:0:1/' -e 's/^\(flush_.*_sec\) .*/\1 1/' \
        -e 's/^job_load_adjustments .*/job_load_adjustments NONE/' \
        -e 's/^load_adj.*/load_adjustment_decay_time 0:0:0/' > tpl/sched
    qconf -Msconf tpl/sched >> tpl/log 2>&1
    local queue
    for queue in all.q long.q; do
        qconf -sq | sed -e "s/^qname .*/qname $queue/" -e 's/^hostlist .*/hostlist localhost/' \
            -e "s/^slots .*/slots $slots/" -e 's/^pe_list .*/pe_list smp/' \
            -e 's/^load_thresholds .*/load_thresholds NONE/' > "tpl/$queue"
        qconf -Aq "tpl/$queue" >> tpl/log 2>&1
    done
    LD_PRELOAD=$root/loopback.so sge_execd
}

mkdir -p "$root"
install_packages
write_environment
"$here/sge-down.sh"
build_loopback
write_cell
start_daemons
(cd "$root" && timeout 60 qsub -b y -sync y -q long.q -o /dev/null -j y true > /dev/null)
echo "a Grid Engine runs in $root"

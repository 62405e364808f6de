# As postgres:18: the folder is made once, with a superuser by password, a database, and the scripts that are mounted.
set -eu
PATH=$(echo /postgres/*/*/bin):$PATH
export PATH PGDATA=/var/lib/postgresql/18/docker PGUSER=postgres PGHOST=/tmp
if [ "$(id -u)" = 0 ]; then
    install -d -o postgres -g postgres /var/lib/postgresql/18
    exec setpriv --reuid=postgres --regid=postgres --clear-groups /bin/sh "$0"
fi
if [ ! -f "$PGDATA/PG_VERSION" ]; then
    initdb --username=postgres --pwfile="$POSTGRES_PASSWORD_FILE" --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 --locale=C
    echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
    pg_ctl start --wait --options="-k /tmp -c listen_addresses="
    createdb "$POSTGRES_DB"
    for script in /docker-entrypoint-initdb.d/*.sql; do psql --quiet --set=ON_ERROR_STOP=1 --dbname="$POSTGRES_DB" --file="$script"; done
    pg_ctl stop --wait --mode=fast
fi
exec postgres -k /tmp -c listen_addresses='*'

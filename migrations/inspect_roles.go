package migrations

import (
	"slices"
	"strings"

	"github.com/lib/pq"
)

// role looks at the role the session works under: its attributes, and what it
// could become.
func (i *inspection) role() error {
	var who, session string
	if err := i.tx.QueryRowContext(i.ctx, `SELECT current_user, session_user`).Scan(&who, &session); err != nil {
		return err
	}
	if who != RoleApp || session != RoleApp {
		i.refuse("role.name", "the service works as %q (logged in as %q): it must be %s", who, session, RoleApp)
	}
	err := i.each(1, func(v []string) {
		i.refuse("role."+strings.ToLower(v[0]), "%s has %s: ALTER ROLE %s NO%s", who, v[0], who, v[0])
	}, `SELECT a.name FROM pg_catalog.pg_roles r
		CROSS JOIN LATERAL (VALUES ('SUPERUSER', r.rolsuper), ('BYPASSRLS', r.rolbypassrls), ('CREATEROLE', r.rolcreaterole),
			('CREATEDB', r.rolcreatedb), ('REPLICATION', r.rolreplication)) AS a(name, has)
		WHERE r.rolname = current_user AND a.has`)
	if err != nil {
		return err
	}
	// A member of another role has that role's rights, or can take them.
	err = i.each(1, func(v []string) {
		i.refuse("role.member", "%s is a member of %s: REVOKE %s FROM %s", who, v[0], v[0], who)
	}, `SELECT r.rolname FROM pg_catalog.pg_roles r
		WHERE r.rolname <> current_user AND NOT r.rolsuper AND pg_catalog.pg_has_role(current_user, r.oid, 'MEMBER')
		  AND NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) ORDER BY 1`)
	if err != nil {
		return err
	}
	return i.each(1, func(v []string) {
		i.refuse("role.super-member", "%s is a member of the superuser %s: REVOKE %s FROM %s", who, v[0], v[0], who)
	}, `SELECT m.rolname FROM pg_catalog.pg_auth_members a
		JOIN pg_catalog.pg_roles m ON m.oid = a.roleid JOIN pg_catalog.pg_roles r ON r.oid = a.member
		WHERE r.rolname = current_user AND m.rolsuper`)
}

// owners: whoever owns a table can drop its triggers and give itself any right.
func (i *inspection) owners() error {
	err := i.each(3, func(v []string) {
		i.refuse("owner."+v[0], "%s custody.%s belongs to %s, not to %s", v[2], v[0], v[1], RoleOwner)
	}, `SELECT c.relname, pg_catalog.pg_get_userbyid(c.relowner), CASE WHEN c.relkind IN ('r', 'p') THEN 'table' ELSE 'object' END
		FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = 'custody' AND c.relkind IN ('r', 'p', 'v', 'm', 'S') AND pg_catalog.pg_get_userbyid(c.relowner) <> $1
		UNION ALL
		SELECT p.proname, pg_catalog.pg_get_userbyid(p.proowner), 'function'
		FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
		WHERE n.nspname = 'custody' AND pg_catalog.pg_get_userbyid(p.proowner) <> $1
		UNION ALL
		SELECT '(schema)', pg_catalog.pg_get_userbyid(n.nspowner), 'schema'
		FROM pg_catalog.pg_namespace n WHERE n.nspname = 'custody' AND pg_catalog.pg_get_userbyid(n.nspowner) <> $1`, RoleOwner)
	if err != nil {
		return err
	}
	return i.each(1, func(v []string) {
		i.refuse("grant.schema", "%s may make things in the schema custody: REVOKE CREATE ON SCHEMA custody FROM %s", v[0], v[0])
	}, `SELECT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(a.grantee)::text END
		FROM pg_catalog.pg_namespace n CROSS JOIN LATERAL pg_catalog.aclexplode(n.nspacl) a
		WHERE n.nspname = 'custody' AND a.privilege_type = 'CREATE' AND a.grantee <> n.nspowner`)
}

// tables of the chain that are missing.
func (i *inspection) tables() error {
	return i.each(1, func(v []string) {
		i.refuse("table."+v[0], "the table custody.%s is missing: migrate, or restore it", v[0])
	}, `SELECT t FROM unnest($1::text[]) AS t WHERE pg_catalog.to_regclass('custody.' || t) IS NULL`, pq.Array(chain))
}

// grants beyond those of the migrations, on the chain's tables, to anybody but
// the owner.
func (i *inspection) grants() error {
	missing := map[string][]string{}
	for _, t := range chain {
		missing[t] = []string{"SELECT", "INSERT"}
	}
	err := i.each(4, func(v []string) {
		table, who, right, kind := v[0], v[1], v[2], v[3]
		switch {
		case who == RoleApp && (right == "SELECT" || right == "INSERT"):
			missing[table] = slices.DeleteFunc(missing[table], func(r string) bool { return r == right })
		// Reading is the administrator's to give, but not to everybody.
		case right == "SELECT" && who != "PUBLIC":
		default:
			i.refuse("grant."+table, "%s has %s on custody.%s%s: REVOKE %s ON custody.%s FROM %s", who, right, table, kind, right, table, who)
		}
	}, `SELECT c.relname, CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(a.grantee)::text END, a.privilege_type, ''
		FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) a
		WHERE n.nspname = 'custody' AND c.relname = ANY($1) AND a.grantee <> c.relowner ORDER BY 1, 2, 3`, pq.Array(chain))
	if err != nil {
		return err
	}
	for _, t := range chain {
		for _, right := range missing[t] {
			i.refuse("grant."+t, "%s has no %s on custody.%s: GRANT %s ON custody.%s TO %s", RoleApp, right, t, right, t, RoleApp)
		}
	}
	return nil
}

// columns can be granted one by one, past the table's own grants.
func (i *inspection) columns() error {
	return i.each(4, func(v []string) {
		i.refuse("grant."+v[0], "%s has %s on column %s of custody.%s: REVOKE %s (%s) ON custody.%s FROM %s", v[2], v[3], v[1], v[0], v[3], v[1], v[0], v[2])
	}, `SELECT c.relname, t.attname, CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(a.grantee)::text END, a.privilege_type
		FROM pg_catalog.pg_attribute t JOIN pg_catalog.pg_class c ON c.oid = t.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		CROSS JOIN LATERAL pg_catalog.aclexplode(t.attacl) a
		WHERE n.nspname = 'custody' AND c.relname = ANY($1) AND a.grantee <> c.relowner AND a.privilege_type <> 'SELECT'`, pq.Array(chain))
}

// triggers: both on each table, before, always, and calling the one function;
// and nothing else that fires there or rewrites what is asked.
func (i *inspection) triggers() error {
	// tgtype: row 1, before 2, delete 8, update 16, truncate 32.
	err := i.each(2, func(v []string) {
		i.refuse("trigger."+v[0], "%s on custody.%s is missing, changed or not ENABLE ALWAYS: what is appended could be changed", v[1], v[0])
	}, `SELECT t.name, want.tgname FROM unnest($1::text[]) AS t(name)
		CROSS JOIN (VALUES ('append_only_row', 1 + 2 + 8 + 16), ('append_only_table', 2 + 32)) AS want(tgname, tgtype)
		WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_trigger g JOIN pg_catalog.pg_proc p ON p.oid = g.tgfoid
			WHERE g.tgrelid = pg_catalog.to_regclass('custody.' || t.name) AND g.tgname = want.tgname AND g.tgtype = want.tgtype
			  AND g.tgenabled = 'A' AND g.tgqual IS NULL AND g.tgattr = '' AND NOT g.tgisinternal
			  AND p.proname = 'refuse_change' AND p.pronamespace = 'custody'::regnamespace) ORDER BY 1, 2`, pq.Array(chain))
	if err != nil {
		return err
	}
	return i.each(3, func(v []string) {
		i.refuse("trigger."+v[0], "%s %s on custody.%s is not of the migrations: drop it", v[2], v[1], v[0])
	}, `SELECT c.relname, g.tgname, 'the trigger' FROM pg_catalog.pg_trigger g JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid
		JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = 'custody' AND c.relname = ANY($1) AND NOT g.tgisinternal AND g.tgname NOT IN ('append_only_row', 'append_only_table')
		UNION ALL
		SELECT c.relname, r.rulename, 'the rule' FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
		JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = 'custody' AND c.relname = ANY($1)
		UNION ALL
		SELECT c.relname, pol.polname, 'the policy' FROM pg_catalog.pg_policy pol JOIN pg_catalog.pg_class c ON c.oid = pol.polrelid
		JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = 'custody' AND c.relname = ANY($1)
		ORDER BY 1, 2`, pq.Array(chain))
}

func (i *inspection) function() error {
	n := 0
	err := i.each(1, func(v []string) {
		if n++; v[0] != refuseChange {
			i.refuse("function.refuse_change", "custody.refuse_change is not that of the migrations: what it is called to refuse could pass")
		}
	}, `SELECT p.prosrc FROM pg_catalog.pg_proc p WHERE p.pronamespace = 'custody'::regnamespace AND p.proname = 'refuse_change'`)
	if err == nil && n != 1 {
		i.refuse("function.refuse_change", "custody.refuse_change is there %d times, and must be once", n)
	}
	return err
}

package migrations

import (
	"slices"
	"strings"

	"github.com/lib/pq"
)

// guards: the tables of data keys have the grants, triggers and functions of
// the migrations, and no others. Whoever deletes a data key destroys evidence;
// whoever reads one needs the key-encryption key besides.
func (i *inspection) guards() error {
	bodies, err := guardBodies()
	if err != nil {
		return err
	}
	for _, g := range guarded {
		if err := i.guardGrants(g); err != nil {
			return err
		}
		if err := i.guardTriggers(g); err != nil {
			return err
		}
		n := 0
		err := i.each(1, func(v []string) {
			if n++; v[0] != bodies[g.function] {
				i.refuse("function."+g.function, "custody.%s is not that of the migrations: a data key that is needed could be deleted", g.function)
			}
		}, `SELECT p.prosrc FROM pg_catalog.pg_proc p WHERE p.pronamespace = 'custody'::regnamespace AND p.proname = $1`, g.function)
		if err != nil {
			return err
		}
		if n != 1 {
			i.refuse("function."+g.function, "custody.%s is there %d times, and must be once", g.function, n)
		}
	}
	return nil
}

func (i *inspection) guardGrants(g guard) error {
	missing := slices.Clone(g.rights)
	err := i.each(3, func(v []string) {
		who, right, column := v[0], v[1], v[2]
		if who == RoleApp && column == "" && slices.Contains(g.rights, right) {
			missing = slices.DeleteFunc(missing, func(r string) bool { return r == right })
			return
		}
		if column != "" {
			right += " (" + column + ")"
		}
		i.refuse("grant."+g.table, "%s has %s on custody.%s: REVOKE %s ON custody.%s FROM %s", who, right, g.table, right, g.table, who)
	}, `SELECT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(a.grantee)::text END, a.privilege_type, ''
		FROM pg_catalog.pg_class c CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) a
		WHERE c.oid = pg_catalog.to_regclass('custody.' || $1) AND a.grantee <> c.relowner
		UNION ALL
		SELECT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(a.grantee)::text END, a.privilege_type, t.attname
		FROM pg_catalog.pg_attribute t JOIN pg_catalog.pg_class c ON c.oid = t.attrelid CROSS JOIN LATERAL pg_catalog.aclexplode(t.attacl) a
		WHERE c.oid = pg_catalog.to_regclass('custody.' || $1) AND a.grantee <> c.relowner ORDER BY 1, 2, 3`, g.table)
	for _, right := range missing {
		i.refuse("grant."+g.table, "%s has no %s on custody.%s: GRANT %s ON custody.%s TO %s", RoleApp, right, g.table, right, g.table, RoleApp)
	}
	return err
}

func (i *inspection) guardTriggers(g guard) error {
	err := i.each(1, func(v []string) {
		i.refuse("trigger."+g.table, "%s on custody.%s is missing, changed or not ENABLE ALWAYS: a data key that is needed could be deleted", v[0], g.table)
	}, `SELECT want.tgname FROM (VALUES ('guard_row', $2::int, $3::text), ('guard_table', 2 + 32, 'refuse_change')) AS want(tgname, tgtype, proname)
		WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_trigger g JOIN pg_catalog.pg_proc p ON p.oid = g.tgfoid
			WHERE g.tgrelid = pg_catalog.to_regclass('custody.' || $1::text) AND g.tgname = want.tgname AND g.tgtype = want.tgtype
			  AND g.tgenabled = 'A' AND g.tgqual IS NULL AND g.tgattr = '' AND NOT g.tgisinternal
			  AND p.proname = want.proname AND p.pronamespace = 'custody'::regnamespace) ORDER BY 1`, g.table, g.fires, g.function)
	if err != nil {
		return err
	}
	return i.each(2, func(v []string) {
		i.refuse("trigger."+g.table, "%s %s on custody.%s is not of the migrations: drop it", v[1], v[0], g.table)
	}, `SELECT t.tgname, 'the trigger' FROM pg_catalog.pg_trigger t
		WHERE t.tgrelid = pg_catalog.to_regclass('custody.' || $1) AND NOT t.tgisinternal AND t.tgname <> ALL($2)
		UNION ALL
		SELECT r.rulename, 'the rule' FROM pg_catalog.pg_rewrite r WHERE r.ev_class = pg_catalog.to_regclass('custody.' || $1)
		UNION ALL
		SELECT p.polname, 'the policy' FROM pg_catalog.pg_policy p WHERE p.polrelid = pg_catalog.to_regclass('custody.' || $1) ORDER BY 1, 2`,
		g.table, pq.Array([]string{"guard_row", "guard_table"}))
}

// guardBodies reads the functions' bodies out of the migration that made them.
func guardBodies() (map[string]string, error) {
	b, err := files.ReadFile("sql/00010_strongbox.sql")
	if err != nil {
		return nil, err
	}
	bodies := map[string]string{}
	for _, g := range guarded {
		_, rest, _ := strings.Cut(string(b), "CREATE FUNCTION custody."+g.function+"() RETURNS trigger LANGUAGE plpgsql AS $$")
		bodies[g.function], _, _ = strings.Cut(rest, "$$;")
	}
	return bodies, nil
}

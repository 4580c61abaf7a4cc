-- Views for people, on SQLite and PostgreSQL alike. README.md of evolve/store documents them.

-- One row per attempt, unfinished ones included (their sequence, outcome and so on are null).
CREATE VIEW attempts AS
SELECT r.id AS run, p.step, p.sequence, p.operator, p.model, p.parent, p.inspirations, p.island,
       p.outcome, p.cause,
       CASE p.placement WHEN 0 THEN 'not_placed' WHEN 1 THEN 'improved' WHEN 2 THEN 'new' END AS placement,
       p.cell, p.selected_at, p.finished_at
FROM proposals p JOIN runs r ON r.key = p.run;

-- One row per number that a judge reported.
CREATE VIEW scores AS
SELECT r.id AS run, e.step, e.stage, e.repeat, e.outcome, WORD(n.name) AS metric, m.value,
       e.seconds, e.reused, WORD(j.name) AS judge_hash
FROM evaluations e
JOIN runs r ON r.key = e.run
JOIN names j ON j.key = e.judge
JOIN metrics m ON m.run = e.run AND m.step = e.step AND m.stage = e.stage AND m.repeat = e.repeat
JOIN names n ON n.key = m.name;

-- Valid programs by an objective, as first scored in the last stage they reached.
CREATE VIEW ranking AS
SELECT r.id AS run, WORD(n.name) AS objective, o.direction, k.step, k.gain,
       CASE o.direction WHEN 'maximize' THEN k.gain ELSE -k.gain END AS value
FROM rankings k
JOIN runs r ON r.key = k.run
JOIN objectives o ON o.run = k.run AND o.position = k.objective
JOIN names n ON n.key = o.name;

-- One row each time an objective's best was beaten: over proposals, seconds and dollars.
CREATE VIEW best_so_far AS
SELECT r.id AS run, WORD(n.name) AS objective, o.direction, b.sequence + 1 AS proposals,
       b.finished_at - r.created_at AS seconds, b.cost_usd, b.step,
       CASE o.direction WHEN 'maximize' THEN b.gain ELSE -b.gain END AS value
FROM records b
JOIN runs r ON r.key = b.run
JOIN objectives o ON o.run = b.run AND o.position = b.objective
JOIN names n ON n.key = o.name;

-- What finished attempts cost, by who proposed and which model was asked ('' for none).
CREATE VIEW costs AS
SELECT r.id AS run, t.operator, t.model, sum(t.attempts) AS attempts, sum(t.calls) AS calls,
       sum(t.tokens) AS tokens, sum(t.cost_usd) AS cost_usd, sum(t.evaluation_s) AS evaluation_s,
       sum(CASE WHEN t.placement > 0 THEN t.attempts ELSE 0 END) AS placed
FROM tallies t JOIN runs r ON r.key = t.run
GROUP BY r.id, t.operator, t.model;

-- How many attempts of each operator made a program, a valid one, and one that got a place in the archive.
CREATE VIEW acceptance AS
SELECT r.id AS run, t.operator, sum(t.attempts) AS attempts, sum(t.programs) AS programs,
       sum(CASE WHEN t.outcome = 'valid' THEN t.attempts ELSE 0 END) AS valid,
       sum(CASE WHEN t.placement > 0 THEN t.attempts ELSE 0 END) AS placed,
       1.0 * sum(CASE WHEN t.placement > 0 THEN t.attempts ELSE 0 END) / sum(t.attempts) AS placed_share
FROM tallies t JOIN runs r ON r.key = t.run
GROUP BY r.id, t.operator;

-- How attempts ended, and why those that were rejected were: the code of a cause, or gate for a stage's gate.
CREATE VIEW outcomes AS
SELECT r.id AS run, t.outcome,
       CASE WHEN t.outcome = 'rejected' AND t.cause = '' THEN 'gate' ELSE t.cause END AS cause,
       sum(t.attempts) AS attempts
FROM tallies t JOIN runs r ON r.key = t.run
GROUP BY r.id, t.outcome, CASE WHEN t.outcome = 'rejected' AND t.cause = '' THEN 'gate' ELSE t.cause END;

-- Model calls of attempts whose program got a place. The texts are compressed: evolve show RUN STEP --json.
CREATE VIEW breeding_prompts AS
SELECT r.id AS run, p.step, p.sequence, p.operator, p.model AS asked, c.model AS answered_by, p.lessons,
       c.request_hash, c.prompt_tokens, c.completion_tokens, c.cost_usd, c.seconds,
       CASE p.placement WHEN 1 THEN 'improved' ELSE 'new' END AS placement, p.cell
FROM proposals p
JOIN runs r ON r.key = p.run
JOIN completions c ON c.run = p.run AND c.step = p.step
WHERE p.placement > 0;

-- Every program with each of its ancestors by edits (generation 0 is itself). It follows all programs of a
-- store at once: for one program of a long run use the query in README.md, which takes milliseconds.
CREATE VIEW lineage AS
WITH RECURSIVE line (run, step, ancestor, generation) AS (
    SELECT run, step, step, 0 FROM proposals
    UNION ALL
    SELECT l.run, l.step, p.parent, l.generation + 1
    FROM line l JOIN proposals p ON p.run = l.run AND p.step = l.ancestor
    WHERE l.ancestor <> 0 AND p.parent < l.ancestor
)
SELECT r.id AS run, l.step, l.generation, l.ancestor, p.operator, p.model, p.outcome
FROM line l
JOIN runs r ON r.key = l.run
JOIN proposals p ON p.run = l.run AND p.step = l.ancestor;

-- Rows as the first version wrote them. Never edited: later versions must read them.
INSERT INTO specs VALUES ('early', '{"name":"An early run","seed":3,"data":{"source":"shipped","column":"prompt","train":256,"validation":48,"test":96,"split_seed":0},"prompter":{"model":"smollm2","meta_prompt":"Rewrite: {prompt}","max_rewrite_tokens":32,"temperature":1.0,"lora":{"rank":16,"alpha":32.0,"dropout":0.0,"targets":["q_proj","v_proj"]}},"frozen":{"model":"smollm2","engine":"auto","max_answer_tokens":48,"temperature":0.7,"top_p":1.0,"top_k":0},"reward":{"parts":[]}}');
INSERT INTO runs VALUES (1, 'An early run', 'stopped', 'asked to', 'early', '0.1.0', 1700000000000, 1700000000001, 1700000000002, 0);
INSERT INTO run_facts VALUES (1, 'machine.cpu', 'one with two cores');
INSERT INTO iterations VALUES (1, 1, 1700000000001, 12.5);
INSERT INTO iteration_metrics VALUES (1, 1, 'reward_mean', 0.25), (1, 1, 'loss', NULL);
INSERT INTO episodes VALUES (1, 1, 0, 7, 'Tell me.', 'Please tell me.', 'No.', 0.25, '{"sentiment":0.25}', 0.5, -0.25, 0.9, 4, 2, 0, 1, 11, 12);
INSERT INTO evaluation_answers VALUES
    (1, 'test', 0, 'raw', 0, 0, 'Why?', NULL, 'Because.', 0.5, '{"sentiment":0.5}', NULL, NULL, NULL, 2, NULL, 0, NULL, 5),
    (1, 'test', 1, 'tuned', 0, 0, 'Why?', 'Why, please?', 'Because!', 0.75, '{"sentiment":0.75}', 0.5, 0.9, 4, 2, 0, 0, 6, 7);
INSERT INTO checkpoints VALUES (1, 1, 1700000000002, '{}');
INSERT INTO checkpoint_parts VALUES (1, 'adapter', x'010203'), (1, 'optimiser', x'0405');
INSERT INTO events VALUES
    (1, 1, 1700000000001, '{"kind":"status","status":"running","message":null}'),
    (2, 1, 1700000000002, '{"kind":"iteration","iteration":1,"reward_mean":0.25,"kl":0.5}');
INSERT INTO reports VALUES (1, 1700000000003, '{"run":1,"name":"An early run","status":"stopped","seed":3,"spec_hash":"early","arms":[],"comparisons":[],"verdict":"They cannot be told apart.","warnings":[]}');
